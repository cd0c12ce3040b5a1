// The server that introductions to Win32's named pipes show: for each client an instance of a pipe of message type and a
// thread, which answers each message in TCHARs with the same text.
//
//   textserver NAME [COUNT]   ends after COUNT clients were connected, and served
#include <stdio.h>
#include <windows.h>
#include <tchar.h>

#include <strsafe.h> // after tchar.h

#define BUFSIZE 4096

static VOID getAnswer(LPCTSTR request, LPTSTR reply, LPDWORD bytes) {
  _tprintf(TEXT("%ls\n"), request);
  fflush(stdout);
  StringCchCopy(reply, BUFSIZE, TEXT("Default answer from server"));
  *bytes = (lstrlen(reply) + 1) * sizeof(TCHAR);
}

static DWORD WINAPI instanceThread(LPVOID param) {
  HANDLE h = param;
  TCHAR request[BUFSIZE], reply[BUFSIZE];
  DWORD n, size, written;
  while (ReadFile(h, request, sizeof request, &n, NULL) && n > 0) {
    getAnswer(request, reply, &size);
    if (!WriteFile(h, reply, size, &written, NULL) || written != size) break;
  }
  FlushFileBuffers(h); // what was written is read before the client is disconnected
  DisconnectNamedPipe(h);
  CloseHandle(h);
  return 1;
}

int _tmain(int argc, TCHAR *argv[]) {
  int count = argc > 2 ? _ttoi(argv[2]) : 1;
  HANDLE thread = NULL;
  for (int i = 0; argc > 1 && i < count; i++) {
    HANDLE h = CreateNamedPipe(argv[1], PIPE_ACCESS_DUPLEX, PIPE_TYPE_MESSAGE | PIPE_READMODE_MESSAGE | PIPE_WAIT,
      PIPE_UNLIMITED_INSTANCES, BUFSIZE, BUFSIZE, 0, NULL);
    if (h == INVALID_HANDLE_VALUE) return 2;
    if (i == 0) {
      printf("ready\n");
      fflush(stdout);
    }
    if (!ConnectNamedPipe(h, NULL) && GetLastError() != ERROR_PIPE_CONNECTED) return 3;
    if (thread) CloseHandle(thread);
    thread = CreateThread(NULL, 0, instanceThread, h, 0, NULL);
  }
  if (thread) WaitForSingleObject(thread, 10000);
  return 0;
}
