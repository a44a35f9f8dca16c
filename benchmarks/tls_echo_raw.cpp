// The floor that TLS echo is measured against: one thread, level-triggered epoll, and OpenSSL on the socket itself.
// Nothing of the library runs here; it only makes the certificate.
//   tls_echo_raw PORT
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <bight/tls/throwaway.hpp>

namespace {

struct Connection {
  SSL* ssl;
  std::string out;  // decrypted, and not taken back yet
  bool wantsWritable = false;
};

void check(bool worked, const char* what) {
  if (!worked) throw std::runtime_error(what);
}

SSL_CTX* makeContext() {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  const bight::tls::Identity identity = bight::tls::selfSigned({"localhost", "127.0.0.1"});
  const std::string certificate = identity.certificate.read();
  const std::string key = identity.key.read();
  BIO* bio = BIO_new_mem_buf(certificate.data(), static_cast<int>(certificate.size()));
  X509* x509 = PEM_read_bio_X509(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  bio = BIO_new_mem_buf(key.data(), static_cast<int>(key.size()));
  EVP_PKEY* pkey = PEM_read_bio_PrivateKey(bio, nullptr, nullptr, nullptr);
  BIO_free(bio);
  check(SSL_CTX_use_certificate(context, x509) == 1 && SSL_CTX_use_PrivateKey(context, pkey) == 1, "certificate");
  X509_free(x509);
  EVP_PKEY_free(pkey);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // One read of the socket for a record and what is behind it, instead of one for its head and one for the rest.
  SSL_CTX_set_read_ahead(context, 1);
  SSL_CTX_set_default_read_buffer_len(context, 64 * 1024);
  return context;
}

class Server {
 public:
  explicit Server(int port) : context_(makeContext()), connections_(32768) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    const int one = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    check(bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 && listen(listener_, 4096) == 0,
          "listen");
    epoll_ = epoll_create1(0);
    control(EPOLL_CTL_ADD, listener_, EPOLLIN);
  }

  [[noreturn]] void run() {
    epoll_event events[512];
    for (;;) {
      const int count = epoll_wait(epoll_, events, 512, -1);
      for (int i = 0; i < count; ++i) {
        if (events[i].data.fd == listener_)
          accept();
        else
          serve(events[i].data.fd);
      }
    }
  }

 private:
  void control(int operation, int fd, std::uint32_t wanted) const {
    epoll_event event{};
    event.events = wanted;
    event.data.fd = fd;
    epoll_ctl(epoll_, operation, fd, &event);
  }

  void accept() {
    const int one = 1;
    for (int fd; (fd = accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK)) >= 0;) {
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
      SSL* ssl = SSL_new(context_);
      SSL_set_fd(ssl, fd);
      SSL_set_accept_state(ssl);
      connections_[static_cast<std::size_t>(fd)] = new Connection{ssl, {}};
      control(EPOLL_CTL_ADD, fd, EPOLLIN);
    }
  }

  void close(int fd) {
    Connection*& connection = connections_[static_cast<std::size_t>(fd)];
    SSL_free(connection->ssl);
    delete connection;
    connection = nullptr;
    ::close(fd);
  }

  void serve(int fd) {
    Connection& connection = *connections_[static_cast<std::size_t>(fd)];
    if (!connection.out.empty() && !send(connection, std::string().data(), 0)) return close(fd);
    // Until the socket has no more: with read-ahead, OpenSSL may hold what epoll does not know of.
    for (;;) {
      const int got = SSL_read(connection.ssl, buffer_.data(), static_cast<int>(buffer_.size()));
      if (got > 0) {
        if (!send(connection, buffer_.data(), static_cast<std::size_t>(got))) return close(fd);
        if (!SSL_has_pending(connection.ssl)) break;
      } else if (SSL_get_error(connection.ssl, got) == SSL_ERROR_WANT_READ) {
        break;
      } else {
        return close(fd);
      }
    }
    const bool wants = !connection.out.empty();
    if (wants == connection.wantsWritable) return;
    connection.wantsWritable = wants;
    control(EPOLL_CTL_MOD, fd, wants ? EPOLLIN | EPOLLOUT : EPOLLIN);
  }

  /// @return false if the connection is gone
  static bool send(Connection& connection, const char* data, std::size_t size) {
    if (!connection.out.empty()) {
      connection.out.append(data, size);
      const int sent = SSL_write(connection.ssl, connection.out.data(), static_cast<int>(connection.out.size()));
      if (sent <= 0) return SSL_get_error(connection.ssl, sent) == SSL_ERROR_WANT_WRITE;
      connection.out.erase(0, static_cast<std::size_t>(sent));
      return true;
    }
    while (size > 0) {
      const int sent = SSL_write(connection.ssl, data, static_cast<int>(size));
      if (sent <= 0) {
        if (SSL_get_error(connection.ssl, sent) != SSL_ERROR_WANT_WRITE) return false;
        connection.out.append(data, size);
        return true;
      }
      data += sent;
      size -= static_cast<std::size_t>(sent);
    }
    return true;
  }

  SSL_CTX* context_;
  std::vector<Connection*> connections_;
  std::vector<char> buffer_ = std::vector<char>(64 * 1024);
  int listener_ = -1;
  int epoll_ = -1;
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) {
    std::cerr << "usage: tls_echo_raw PORT\n";
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  Server(std::stoi(argv[1])).run();
} catch (const std::exception& e) {
  std::cerr << "tls_echo_raw: " << e.what() << "\n";
  return 2;
}
