// C liburing echo: multishot accept, multishot recv + buffer ring, send straight from the recv buffer, buffer returned at send
// completion
#define _GNU_SOURCE
#include <liburing.h>
#include <sys/mman.h>
#ifndef IO_URING_CHECK_VERSION /* liburing before 2.4 */
static struct io_uring_buf_ring *io_uring_setup_buf_ring(struct io_uring *r, unsigned n, int id, unsigned f, int *err) {
  struct io_uring_buf_ring *b =
      mmap(0, n * sizeof(struct io_uring_buf), PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
  struct io_uring_buf_reg g = {.ring_addr = (unsigned long)b, .ring_entries = n, .bgid = id};
  if (b == MAP_FAILED || (*err = io_uring_register_buf_ring(r, &g, f)))
    return 0;
  io_uring_buf_ring_init(b);
  return b;
}
#endif
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#define NB 8192
#define BS 4096
int main(int ac, char **av) {
  int port = atoi(av[1]);
  int l = socket(AF_INET, SOCK_STREAM, 0);
  int one = 1;
  setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, 4);
  setsockopt(l, IPPROTO_TCP, TCP_NODELAY, &one, 4);
  struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(l, (void *)&a, sizeof a) || listen(l, 4096)) {
    perror("bind");
    return 1;
  }
  struct io_uring r;
  struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_COOP_TASKRUN |
                                       IORING_SETUP_CQSIZE,
                              .cq_entries = 65536};
  int rc = io_uring_queue_init_params(4096, &r, &p);
  if (rc) {
    fprintf(stderr, "ring %d\n", rc);
    return 1;
  }
  io_uring_register_ring_fd(&r);
  io_uring_register_files_sparse(&r, 20000);
  char *bufs;
  if (posix_memalign((void **)&bufs, 4096, (size_t)NB * BS))
    return 1;
  int er;
  struct io_uring_buf_ring *br = io_uring_setup_buf_ring(&r, NB, 0, 0, &er);
  for (int i = 0; i < NB; i++)
    io_uring_buf_ring_add(br, bufs + (size_t)i * BS, BS, i, NB - 1, i);
  io_uring_buf_ring_advance(br, NB);
#define SQE                                                                                                                    \
  ({                                                                                                                           \
    struct io_uring_sqe *s = io_uring_get_sqe(&r);                                                                             \
    if (!s) {                                                                                                                  \
      io_uring_submit(&r);                                                                                                     \
      s = io_uring_get_sqe(&r);                                                                                                \
    }                                                                                                                          \
    s;                                                                                                                         \
  })
#define RECV(i)                                                                                                                \
  ({                                                                                                                           \
    struct io_uring_sqe *s = SQE;                                                                                              \
    io_uring_prep_recv_multishot(s, i, NULL, 0, 0);                                                                            \
    s->flags |= IOSQE_BUFFER_SELECT | IOSQE_FIXED_FILE;                                                                        \
    s->buf_group = 0;                                                                                                          \
    s->user_data = 1ull << 56 | (i);                                                                                           \
  })
  {
    struct io_uring_sqe *s = SQE;
    io_uring_prep_multishot_accept_direct(s, l, NULL, NULL, 0);
    s->user_data = 0;
  }
  for (;;) {
    io_uring_submit_and_wait(&r, 1);
    unsigned h, cnt = 0, badd = 0;
    struct io_uring_cqe *cqe;
    io_uring_for_each_cqe(&r, h, cqe) {
      cnt++;
      u_int64_t u = cqe->user_data;
      int op = u >> 56;
      unsigned i = (unsigned)u;
      if (op == 0) {
        if (cqe->res >= 0) {
          RECV(cqe->res);
        } else
          fprintf(stderr, "acc %d\n", cqe->res);
        continue;
      }
      if (op == 1) {
        if (cqe->res <= 0) {
          if (cqe->res == -ENOBUFS) {
            RECV(i);
            continue;
          }
          struct io_uring_sqe *s = SQE;
          io_uring_prep_close_direct(s, i);
          s->user_data = 3ull << 56;
          continue;
        }
        unsigned b = cqe->flags >> 16;
        struct io_uring_sqe *s = SQE;
        io_uring_prep_send(s, i, bufs + (size_t)b * BS, cqe->res, MSG_WAITALL | MSG_NOSIGNAL);
        s->flags |= IOSQE_FIXED_FILE;
        s->user_data = 2ull << 56 | (u_int64_t)b << 32 | i;
        if (!(cqe->flags & IORING_CQE_F_MORE))
          RECV(i);
        continue;
      }
      if (op == 2) {
        unsigned b = (u >> 32) & 0xffff;
        io_uring_buf_ring_add(br, bufs + (size_t)b * BS, BS, b, NB - 1, badd++);
      }
    }
    if (badd)
      io_uring_buf_ring_advance(br, badd);
    io_uring_cq_advance(&r, cnt);
  }
}
