// An echo on asio, with asynchronous calls and one thread.
#include <asio.hpp>
#include <cstdlib>
#include <memory>

using asio::ip::tcp;

struct conn : std::enable_shared_from_this<conn> {
  tcp::socket s;
  char buf[4096];
  explicit conn(tcp::socket x) : s(std::move(x)) { s.set_option(tcp::no_delay(true)); }
  void read() {
    auto self = shared_from_this();
    s.async_read_some(asio::buffer(buf), [this, self](std::error_code e, std::size_t n) {
      if (!e)
        write(n);
    });
  }
  void write(std::size_t n) {
    auto self = shared_from_this();
    asio::async_write(s, asio::buffer(buf, n), [this, self](std::error_code e, std::size_t) {
      if (!e)
        read();
    });
  }
};

static void listen(tcp::acceptor &a) {
  a.async_accept([&a](std::error_code e, tcp::socket s) {
    if (!e)
      std::make_shared<conn>(std::move(s))->read();
    listen(a);
  });
}

int main(int argc, char **argv) {
  asio::io_context io(1);
  tcp::acceptor a(io, tcp::endpoint(asio::ip::make_address("127.0.0.1"), argc > 1 ? std::atoi(argv[1]) : 9000));
  a.listen(4096);
  listen(a);
  io.run();
}
