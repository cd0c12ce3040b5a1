// A program of Win32 that makes the calls for named pipes which it is told on its standard input, a line each: a name and
// arguments, with tabs between. Numbers are as in C. It answers each with one line:
//
//   ERROR COUNT DATA
//
// that is GetLastError (0: the call has succeeded), the bytes that were moved, and, of calls that read, what they read: in
// hexadecimal, or from 33 bytes on as its FNV-1a sum. What is written is a pattern, which the test can make too.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

static HANDLE h = INVALID_HANDLE_VALUE;
static BOOL overlapped;
static OVERLAPPED pending; // of beginread
static char *pendingBuffer;

static char *arg(void) {
  char *s = strtok(NULL, "\t\r\n");
  return s ? s : "";
}

static DWORD number(void) { return strtoul(arg(), NULL, 0); }

static char *memory(DWORD size) {
  char *b = malloc(size + 1);
  if (!b) exit(3);
  return b;
}

// pattern takes two arguments: how many bytes, and a seed.
static char *pattern(DWORD *size) {
  *size = number();
  DWORD seed = number();
  char *b = memory(*size);
  for (DWORD i = 0; i < *size; i++) b[i] = (char)((i >> 12) + i + seed);
  return b;
}

static void answer(BOOL ok, DWORD n, const char *b) {
  printf("%lu %lu ", ok ? 0 : GetLastError(), n);
  if (b && n <= 32) {
    for (DWORD i = 0; i < n; i++) printf("%02x", (unsigned char)b[i]);
  } else if (b) {
    DWORD sum = 2166136261u;
    for (DWORD i = 0; i < n; i++) sum = (sum ^ (unsigned char)b[i]) * 16777619u;
    printf("fnv:%08lx", sum);
  }
  printf("\n");
  fflush(stdout);
}

// settled waits for an overlapped call and says how many bytes it has moved. It waits for the event itself, since Wine's
// GetOverlappedResult does not for TransactNamedPipe, which leaves OVERLAPPED.Internal as it is.
static BOOL settled(BOOL ok, OVERLAPPED *o, DWORD *n) {
  if (!o) return ok;
  if (ok || GetLastError() == ERROR_IO_PENDING || GetLastError() == ERROR_MORE_DATA) {
    WaitForSingleObject(o->hEvent, INFINITE);
    ok = GetOverlappedResult(h, o, n, FALSE);
  }
  DWORD e = GetLastError();
  CloseHandle(o->hEvent);
  SetLastError(e);
  return ok;
}

static OVERLAPPED *ifOverlapped(OVERLAPPED *o) {
  memset(o, 0, sizeof *o);
  if (!overlapped) return NULL;
  o->hEvent = CreateEventA(NULL, TRUE, FALSE, NULL);
  return o;
}

// create NAME OPENMODE PIPEMODE INSTANCES OUT IN TIMEOUT
static void create(void) {
  char *name = arg();
  DWORD open = number(), mode = number(), most = number(), out = number(), in = number(), timeout = number();
  overlapped = (open & FILE_FLAG_OVERLAPPED) != 0;
  h = CreateNamedPipeA(name, open, mode, most, out, in, timeout, NULL);
  answer(h != INVALID_HANDLE_VALUE, 0, NULL);
}

// open NAME ACCESS FLAGS
static void opens(void) {
  char *name = arg();
  DWORD access = number(), flags = number();
  overlapped = (flags & FILE_FLAG_OVERLAPPED) != 0;
  h = CreateFileA(name, access, 0, NULL, OPEN_EXISTING, flags, NULL);
  answer(h != INVALID_HANDLE_VALUE, 0, NULL);
}

static void connects(void) {
  OVERLAPPED o;
  DWORD n = 0;
  OVERLAPPED *p = ifOverlapped(&o);
  BOOL ok = settled(ConnectNamedPipe(h, p), p, &n);
  answer(ok || GetLastError() == ERROR_PIPE_CONNECTED, 0, NULL);
}

// mode MODE: SetNamedPipeHandleState
static void mode(void) {
  DWORD m = number();
  answer(SetNamedPipeHandleState(h, &m, NULL, NULL), 0, NULL);
}

// write SIZE SEED
static void writes(void) {
  OVERLAPPED o;
  DWORD size, n = 0;
  char *b = pattern(&size);
  OVERLAPPED *p = ifOverlapped(&o);
  BOOL ok = settled(WriteFile(h, b, size, &n, p), p, &n);
  answer(ok, n, NULL);
  free(b);
}

// read SIZE
static void reads(void) {
  OVERLAPPED o;
  DWORD size = number(), n = 0;
  char *b = memory(size);
  OVERLAPPED *p = ifOverlapped(&o);
  BOOL ok = settled(ReadFile(h, b, size, &n, p), p, &n);
  answer(ok, n, b);
  free(b);
}

// readfull SIZE: as many reads as are needed
static void readfull(void) {
  DWORD size = number(), n = 0, m = 0;
  char *b = memory(size);
  BOOL ok = TRUE;
  while (n < size && ok) {
    OVERLAPPED o;
    OVERLAPPED *p = ifOverlapped(&o);
    ok = settled(ReadFile(h, b + n, size - n, &m, p), p, &m) || GetLastError() == ERROR_MORE_DATA;
    if (ok) n += m;
  }
  answer(ok, n, b);
  free(b);
}

// beginread SIZE: an overlapped read, which goes on beside other calls
static void beginread(void) {
  DWORD size = number();
  ifOverlapped(&pending);
  pendingBuffer = memory(size);
  answer(ReadFile(h, pendingBuffer, size, NULL, &pending), 0, NULL);
}

static void endread(void) {
  DWORD n = 0;
  SetLastError(ERROR_IO_PENDING);
  BOOL ok = settled(FALSE, &pending, &n);
  answer(ok, n, pendingBuffer);
  free(pendingBuffer);
}

static void cancel(void) { answer(CancelIoEx(h, &pending), 0, NULL); }

// peek SIZE: the data is followed by the bytes in the pipe and those left of the message
static void peek(void) {
  DWORD size = number(), n = 0, available = 0, left = 0;
  char *b = memory(size);
  BOOL ok = PeekNamedPipe(h, b, size, &n, &available, &left);
  printf("%lu %lu %lu %lu\n", ok ? 0 : GetLastError(), n, available, left);
  fflush(stdout);
  free(b);
}

// transact SIZE SEED REPLYSIZE
static void transact(void) {
  OVERLAPPED o;
  DWORD size, n = 0;
  char *b = pattern(&size);
  DWORD most = number();
  char *reply = memory(most);
  OVERLAPPED *p = ifOverlapped(&o);
  BOOL ok = settled(TransactNamedPipe(h, b, size, reply, most, &n, p), p, &n);
  answer(ok, n, reply);
  free(reply);
  free(b);
}

// call NAME SIZE SEED REPLYSIZE TIMEOUT
static void call(void) {
  char *name = arg();
  DWORD size, n = 0;
  char *b = pattern(&size);
  DWORD most = number(), timeout = number();
  char *reply = memory(most);
  BOOL ok = CallNamedPipeA(name, b, size, reply, most, &n, timeout);
  answer(ok, n, reply);
  free(reply);
  free(b);
}

// wait NAME TIMEOUT
static void waits(void) {
  char *name = arg();
  answer(WaitNamedPipeA(name, number()), 0, NULL);
}

static void info(void) {
  DWORD flags = 0, out = 0, in = 0, most = 0, state = 0, now = 0;
  BOOL ok = GetNamedPipeInfo(h, &flags, &out, &in, &most) && GetNamedPipeHandleStateA(h, &state, &now, NULL, NULL, NULL, 0);
  printf("%lu flags=%lu state=%lu most=%lu\n", ok ? 0 : GetLastError(), flags, state, most);
  fflush(stdout);
}

static void flush(void) { answer(FlushFileBuffers(h), 0, NULL); }
static void disconnect(void) { answer(DisconnectNamedPipe(h), 0, NULL); }
static void closes(void) { answer(CloseHandle(h), 0, NULL); }

static const struct {
  const char *name;
  void (*f)(void);
} calls[] = {{"create", create}, {"connect", connects}, {"open", opens}, {"mode", mode}, {"write", writes}, {"read", reads},
  {"readfull", readfull}, {"beginread", beginread}, {"endread", endread}, {"cancel", cancel}, {"peek", peek},
  {"transact", transact}, {"call", call}, {"wait", waits}, {"info", info}, {"flush", flush}, {"disconnect", disconnect},
  {"close", closes}};

int wmain(void) {
  char line[1024];
  while (fgets(line, sizeof line, stdin)) {
    char *name = strtok(line, "\t\r\n");
    size_t i = 0;
    while (i < sizeof calls / sizeof *calls && (!name || strcmp(name, calls[i].name))) i++;
    if (i == sizeof calls / sizeof *calls) return 2;
    calls[i].f();
  }
  return 0;
}
