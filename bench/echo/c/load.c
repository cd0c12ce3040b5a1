// The client that loads an echo: a closed loop with one message under way on each connection, on io_uring, or on epoll with -e.
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
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
typedef unsigned long long u64;
static u64 now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}
static u64 hist[64 * 64];
static int hidx(u64 v) {
  if (v < 64)
    return v;
  int e = 63 - __builtin_clzll(v);
  return ((e - 5) << 6) | ((v >> (e - 6)) & 63);
}
static u64 hval(int i) {
  if (i < 64)
    return i;
  int e = (i >> 6) + 5;
  return (1ull << e) + ((u64)(i & 63) << (e - 6));
}
static u64 pct(double p, u64 n) {
  u64 c = 0, t = n * p;
  for (int i = 0; i < 64 * 64; i++) {
    c += hist[i];
    if (c > t)
      return hval(i);
  }
  return 0;
}
static u64 proccpu(int pid) {
  char p[64];
  snprintf(p, 64, "/proc/%d/task", pid);
  DIR *d = opendir(p);
  if (!d)
    return 0;
  struct dirent *e;
  u64 s = 0;
  while ((e = readdir(d))) {
    if (e->d_name[0] == '.')
      continue;
    char q[400];
    snprintf(q, 400, "/proc/%d/task/%s/schedstat", pid, e->d_name);
    FILE *f = fopen(q, "r");
    if (f) {
      u64 v;
      if (fscanf(f, "%llu", &v) == 1)
        s += v;
      fclose(f);
    }
  }
  closedir(d);
  return s;
}
static u64 selfcpu(void) {
  struct timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1000000000ull + t.tv_nsec;
}
struct c {
  int fd;
  unsigned got;
  u64 t0;
};
static struct c *cs;
int main(int ac, char **av) {
  int n = 50, sz = 64, port = 9000, ep = 0, spid = 0, o, idle = 0;
  double dur = 2, warm = 0.4;
  char *host = "127.0.0.1";
  int depth = 1;
  while ((o = getopt(ac, av, "n:s:p:eP:d:w:h:I")) > 0)
    switch (o) {
    case 'n':
      n = atoi(optarg);
      break;
    case 's':
      sz = atoi(optarg);
      break;
    case 'p':
      port = atoi(optarg);
      break;
    case 'e':
      ep = 1;
      break;
    case 'P':
      spid = atoi(optarg);
      break;
    case 'd':
      dur = atof(optarg);
      break;
    case 'w':
      warm = atof(optarg);
      break;
    case 'h':
      host = optarg;
      break;
    case 'I':
      idle = 1;
    }
  (void)depth;
  cs = calloc(n, sizeof *cs);
  char *buf = malloc(1 << 20);
  memset(buf, 'x', 1 << 20);
  for (int i = 0; i < n; i++) {
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port)};
    inet_pton(AF_INET, host, &a.sin_addr);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int tries = 0;
    while (connect(fd, (void *)&a, sizeof a) < 0) {
      if (++tries > 200) {
        perror("connect");
        return 1;
      }
      usleep(10000);
    }
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, 4);
    struct linger l = {1, 0};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &l, sizeof l);
    cs[i].fd = fd;
  }
  if (idle) { // one request on each, then wait for stdin
    for (int i = 0; i < n; i++) {
      if (write(cs[i].fd, buf, sz) != sz) {
        perror("w");
        return 1;
      }
      int g = 0;
      while (g < sz) {
        int r = read(cs[i].fd, buf, sz);
        if (r <= 0) {
          perror("r");
          return 1;
        }
        g += r;
      }
    }
    printf("idle %d\n", n);
    fflush(stdout);
    getchar();
    return 0;
  }
  u64 t0, tw, te, done = 0, c0 = 0, s0 = 0;
  int on = 0;
  t0 = now();
  tw = t0 + warm * 1e9;
  te = tw + dur * 1e9;
  if (ep) {
    for (int i = 0; i < n; i++)
      fcntl(cs[i].fd, F_SETFL, O_NONBLOCK);
    int e = epoll_create1(0);
    for (int i = 0; i < n; i++) {
      struct epoll_event ev = {.events = EPOLLIN, .data.u32 = i};
      epoll_ctl(e, EPOLL_CTL_ADD, cs[i].fd, &ev);
      cs[i].t0 = now();
      if (write(cs[i].fd, buf, sz) != sz) {
        perror("write");
        return 1;
      }
    }
    struct epoll_event ev[512];
    for (;;) {
      int k = epoll_wait(e, ev, 512, 1000);
      u64 t = now();
      if (!on && t >= tw) {
        on = 1;
        done = 0;
        memset(hist, 0, sizeof hist);
        tw = t;
        te = t + dur * 1e9;
        c0 = proccpu(spid);
        s0 = selfcpu();
      }
      if (t >= te && on)
        break;
      if (k == 0) {
        fprintf(stderr, "stall\n");
        return 1;
      }
      for (int j = 0; j < k; j++) {
        struct c *c = &cs[ev[j].data.u32];
        int r = read(c->fd, buf, 65536);
        if (r <= 0) {
          fprintf(stderr, "eof %d %d\n", r, errno);
          return 1;
        }
        c->got += r;
        if (c->got >= sz) {
          c->got = 0;
          t = now();
          done++;
          hist[hidx(t - c->t0)]++;
          c->t0 = t;
          if (write(c->fd, buf, sz) != sz) {
            perror("write");
            return 1;
          }
        }
      }
    }
  } else {
    struct io_uring r;
    struct io_uring_params p = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE,
                                .cq_entries = 32768};
    int rc = io_uring_queue_init_params(8192, &r, &p);
    if (rc) {
      fprintf(stderr, "ring %d\n", rc);
      return 1;
    }
    io_uring_register_ring_fd(&r);
    int *fds = malloc(n * 4);
    for (int i = 0; i < n; i++)
      fds[i] = cs[i].fd;
    if (io_uring_register_files(&r, fds, n)) {
      perror("files");
      return 1;
    }
    int nb = 8192;
    unsigned bs = sz < 4096 ? 4096 : sz;
    char *bufs;
    if (posix_memalign((void **)&bufs, 4096, (size_t)nb * bs))
      return 1;
    int er;
    struct io_uring_buf_ring *br = io_uring_setup_buf_ring(&r, nb, 0, 0, &er);
    int mask = nb - 1;
    for (int i = 0; i < nb; i++)
      io_uring_buf_ring_add(br, bufs + (size_t)i * bs, bs, i, mask, i);
    io_uring_buf_ring_advance(br, nb);
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
    s->user_data = i;                                                                                                          \
  })
#define SEND(i)                                                                                                                \
  ({                                                                                                                           \
    struct io_uring_sqe *s = SQE;                                                                                              \
    io_uring_prep_send(s, i, buf, sz, MSG_WAITALL);                                                                            \
    s->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;                                                                     \
    s->user_data = (1ull << 32) | i;                                                                                           \
  })
    for (int i = 0; i < n; i++)
      RECV(i);
    for (int i = 0; i < n; i++) {
      cs[i].t0 = now();
      SEND(i);
    }
    for (;;) {
      struct __kernel_timespec ts = {1, 0};
      struct io_uring_cqe *cqe;
      rc = io_uring_submit_and_wait_timeout(&r, &cqe, 1, &ts, NULL);
      if (rc == -ETIME) {
        fprintf(stderr, "stall\n");
        return 1;
      }
      u64 t = now();
      if (!on && t >= tw) {
        on = 1;
        done = 0;
        memset(hist, 0, sizeof hist);
        tw = t;
        te = t + dur * 1e9;
        c0 = proccpu(spid);
        s0 = selfcpu();
      }
      if (t >= te && on)
        break;
      unsigned h, cnt = 0, badd = 0;
      io_uring_for_each_cqe(&r, h, cqe) {
        cnt++;
        u64 u = cqe->user_data;
        unsigned i = (unsigned)u;
        if (u >> 32) {
          if (cqe->res != sz) {
            fprintf(stderr, "send %d\n", cqe->res);
            return 1;
          }
          continue;
        }
        if (cqe->res <= 0) {
          if (cqe->res == -ENOBUFS) {
            RECV(i);
            continue;
          }
          fprintf(stderr, "recv %d\n", cqe->res);
          return 1;
        }
        unsigned b = cqe->flags >> 16;
        io_uring_buf_ring_add(br, bufs + (size_t)b * bs, bs, b, mask, badd++);
        struct c *c = &cs[i];
        c->got += cqe->res;
        if (!(cqe->flags & IORING_CQE_F_MORE))
          RECV(i);
        if (c->got >= sz) {
          c->got = 0;
          done++;
          t = now();
          hist[hidx(t - c->t0)]++;
          c->t0 = t;
          SEND(i);
        }
      }
      io_uring_buf_ring_cq_advance(&r, br, 0);
      if (badd)
        io_uring_buf_ring_advance(br, badd);
      io_uring_cq_advance(&r, cnt);
    }
  }
  u64 t = now();
  u64 c1 = proccpu(spid), s1 = selfcpu();
  double el = (t - tw) / 1e9;
  printf("rps=%.0f p50=%.1f p99=%.1f p999=%.1f srvcpu_us=%.3f srvutil=%.2f cliutil=%.2f\n", done / el, pct(.5, done) / 1e3,
         pct(.99, done) / 1e3, pct(.999, done) / 1e3, (c1 - c0) / 1e3 / done, (c1 - c0) / 1e9 / el, (s1 - s0) / 1e9 / el);
  fflush(stdout);
  _exit(0);
}
