/// @file
/// What can go wrong with TLS.
///
/// Reasons that reach `connectionLost()` beside the usual ones; all of them are `ConnectionLost`s:
///
/// | reason | when |
/// |---|---|
/// | `VerificationError` | we do not trust the peer's certificate, or it is for another name |
/// | `AlertError` | the peer refused, and said why |
/// | `PlainTextError` | the peer does not speak TLS |
/// | `HandshakeTimeout` | the handshake did not end in time |
/// | `TruncationError` | the connection ended without TLS's own end: what was received may not be all |
/// | `InjectionError` | there were bytes in clear behind the command that began TLS |
/// | `Error` | anything else that TLS does not allow |
///
/// `ContextError` is thrown when a context is made: files that cannot be read, keys that do not fit.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

#include <bight/connection_errors.hpp>
#include <bight/export.hpp>

namespace bight::tls {

/// The TLS layer ended the connection.
class BIGHT_API Error : public ConnectionLost {
 public:
  explicit Error(const std::string& what) : ConnectionLost(what) {}
};

/// The peer's certificate was refused: "certificate of a.example expired 2026-01-03". (Twisted: VerificationError)
class BIGHT_API VerificationError : public Error {
 public:
  /// What is wrong with it.
  enum class Problem {
    expired,
    notYetValid,
    nameMismatch,      ///< it is for other names than the one asked for
    unknownAuthority,  ///< its chain does not end at a certificate that we trust
    missing,           ///< the peer has shown none, and one is required
    other,
  };
  VerificationError(Problem problem, int code, const std::string& what) : Error(what), problem_(problem), code_(code) {}
  Problem problem() const noexcept { return problem_; }
  /// OpenSSL's number for it (X509_V_ERR_…).
  int code() const noexcept { return code_; }

 private:
  Problem problem_;
  int code_;
};

/// The peer sent a fatal alert: it refuses us.
class BIGHT_API AlertError : public Error {
 public:
  AlertError(int alert, const std::string& what) : Error(what), alert_(alert) {}
  /// The number of the alert, RFC 8446 section 6.
  int alert() const noexcept { return alert_; }

 private:
  int alert_;
};

/// The peer speaks plain text where TLS was to begin.
class BIGHT_API PlainTextError : public Error {
 public:
  explicit PlainTextError(const std::string& what) : Error(what) {}
};

/// The handshake did not end within its time limit.
class BIGHT_API HandshakeTimeout : public Error {
 public:
  explicit HandshakeTimeout(const std::string& what) : Error(what) {}
};

/// The connection ended without a close_notify: somebody may have cut it, and data may be missing.
class BIGHT_API TruncationError : public Error {
 public:
  TruncationError();
};

/// `startTLS` found bytes that had arrived in clear together with the command before it: they would have been taken for
/// encrypted ones. Somebody on the way may have put them there, so the connection must end.
class BIGHT_API InjectionError : public Error {
 public:
  explicit InjectionError(std::size_t bytes);
};

/// A context cannot be made of what it was given; the message names the file and what to do.
class BIGHT_API ContextError : public std::runtime_error {
 public:
  explicit ContextError(const std::string& what) : std::runtime_error("tls: " + what) {}
};

}  // namespace bight::tls
