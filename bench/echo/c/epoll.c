// An echo on epoll, edge-triggered: what a careful programmer writes in C.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
int main(int ac, char **av) {
  int port = atoi(av[1]);
  int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  int one = 1;
  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, 4);
  setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(l, (void *)&a, sizeof a) || listen(l, 4096)) {
    perror("bind");
    return 1;
  }
  int e = epoll_create1(0);
  struct epoll_event ev[512];
  struct epoll_event x = {.events = EPOLLIN, .data.fd = l};
  epoll_ctl(e, EPOLL_CTL_ADD, l, &x);
  static char buf[65536];
  for (;;) {
    int k = epoll_wait(e, ev, 512, -1);
    for (int j = 0; j < k; j++) {
      int fd = ev[j].data.fd;
      if (fd == l) {
        for (;;) {
          int c = accept4(l, 0, 0, SOCK_NONBLOCK);
          if (c < 0)
            break;
          x.events = EPOLLIN | EPOLLET;
          x.data.fd = c;
          epoll_ctl(e, EPOLL_CTL_ADD, c, &x);
        }
        continue;
      }
      int r = recv(fd, buf, sizeof buf, 0);
      if (r <= 0) {
        if (r < 0 && errno == EAGAIN)
          continue;
        close(fd);
        continue;
      }
      int w = send(fd, buf, r, MSG_NOSIGNAL);
      if (w != r) {
        fprintf(stderr, "short %d\n", w);
      }
    }
  }
}
