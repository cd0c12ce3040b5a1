// The client that introductions to Win32's named pipes show: it waits for the pipe, changes to message-read mode, writes a
// message in TCHARs and reads the answer, in as many reads as ERROR_MORE_DATA asks for.
//
//   textclient NAME [MESSAGE]   prints for each read how many bytes it had, and the text
#include <stdio.h>
#include <windows.h>
#include <tchar.h>

#define BUFSIZE 512

static HANDLE openPipe(LPCTSTR name) {
  for (;;) {
    HANDLE h = CreateFile(name, GENERIC_READ | GENERIC_WRITE, 0, NULL, OPEN_EXISTING, 0, NULL);
    if (h != INVALID_HANDLE_VALUE || GetLastError() != ERROR_PIPE_BUSY) return h;
    if (!WaitNamedPipe(name, 20000)) return h;
  }
}

int _tmain(int argc, TCHAR *argv[]) {
  LPCTSTR message = argc > 2 ? argv[2] : TEXT("Default message from client");
  TCHAR b[BUFSIZE + 1];
  DWORD n, mode = PIPE_READMODE_MESSAGE;
  BOOL ok;
  if (argc < 2) return 2;
  HANDLE h = openPipe(argv[1]);
  if (h == INVALID_HANDLE_VALUE) return 3;
  if (!SetNamedPipeHandleState(h, &mode, NULL, NULL)) return 4;
  if (!WriteFile(h, message, (lstrlen(message) + 1) * sizeof(TCHAR), &n, NULL)) return 5;
  do {
    ok = ReadFile(h, b, BUFSIZE * sizeof(TCHAR), &n, NULL);
    if (!ok && GetLastError() != ERROR_MORE_DATA) return 6;
    b[n / sizeof(TCHAR)] = 0;
    _tprintf(TEXT("%lu %ls\n"), n, b);
  } while (!ok);
  fflush(stdout);
  CloseHandle(h);
  return 0;
}
