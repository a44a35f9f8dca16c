/// @file
/// `Upgrade`: the answer that gives the connection away to another protocol (RFC 9110, 7.8).
#pragma once

#include <memory>

#include <bight/export.hpp>
#include <bight/http/headers.hpp>
#include <bight/protocol.hpp>

namespace bight::http {

/// An answer that says "101 Switching Protocols", after which `protocol` speaks on the connection:
///
///     http::Answer render(http::Request& request) override {
///       if (!http::mayUpgrade(request, "echo")) return http::Response::error(426).with("Upgrade", "echo");
///       return http::Upgrade{{{"Upgrade", "echo"}}, std::make_shared<Echo>()};
///     }
///
/// `headers` must name the protocol in an Upgrade field; "Connection: Upgrade" is added. The protocol takes the
/// connection's transport over (Transport::takeOver) when `render` has returned, or the Deferred has fired: its
/// `connectionMade` is called, and then what the client sent behind its request is given to it, unless it has paused
/// reading. The time and size limits of the Site do not apply to it any more. HTTP/1.1 clients that did not ask for the
/// upgrade are answered with 426 instead, and all others with 400; so is a request with a content that has not been
/// read, whose bytes the new protocol would see. If the client goes first, the protocol is never connected.
struct Upgrade {
  Headers headers;
  std::shared_ptr<Protocol> protocol;
};

class Request;

/// Whether a client of HTTP/1.1 asks by GET to speak `protocol` ("websocket", compared without case) from here on: the
/// protocol is in an Upgrade field, and the Connection field says "upgrade".
BIGHT_API bool mayUpgrade(const Request& request, std::string_view protocol) noexcept;

}  // namespace bight::http
