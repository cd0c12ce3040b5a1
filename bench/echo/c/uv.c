// An echo on libuv, as its documentation writes one.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <uv.h>

struct conn {
  uv_tcp_t tcp;
  uv_write_t req;
  char buf[4096];
};

static void done(uv_handle_t *h) { free(h); }

static void room(uv_handle_t *h, size_t n, uv_buf_t *b) {
  (void)n;
  *b = uv_buf_init(((struct conn *)h)->buf, sizeof(((struct conn *)h)->buf));
}

static void received(uv_stream_t *s, ssize_t n, const uv_buf_t *b);

static void sent(uv_write_t *r, int status) {
  if (status < 0)
    uv_close((uv_handle_t *)r->handle, done);
  else
    uv_read_start(r->handle, room, received);
}

// Most answers go at once; where one does not, reading waits for it, since there is one buffer.
static void received(uv_stream_t *s, ssize_t n, const uv_buf_t *b) {
  struct conn *c = (struct conn *)s;
  if (n < 0) {
    uv_close((uv_handle_t *)s, done);
    return;
  }
  uv_buf_t out = uv_buf_init(b->base, n);
  int k = uv_try_write(s, &out, 1);
  if (k == n)
    return;
  if (k < 0)
    k = 0;
  uv_read_stop(s);
  out = uv_buf_init(b->base + k, n - k);
  uv_write(&c->req, s, &out, 1, sent);
}

static void connected(uv_stream_t *l, int status) {
  if (status < 0)
    return;
  struct conn *c = malloc(sizeof *c);
  uv_tcp_init(l->loop, &c->tcp);
  uv_accept(l, (uv_stream_t *)&c->tcp);
  uv_tcp_nodelay(&c->tcp, 1);
  uv_read_start((uv_stream_t *)&c->tcp, room, received);
}

int main(int argc, char **argv) {
  struct sockaddr_in a;
  uv_tcp_t l;
  uv_ip4_addr("127.0.0.1", argc > 1 ? atoi(argv[1]) : 9000, &a);
  uv_tcp_init(uv_default_loop(), &l);
  uv_tcp_bind(&l, (struct sockaddr *)&a, 0);
  if (uv_listen((uv_stream_t *)&l, 4096, connected))
    return 1;
  return uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
