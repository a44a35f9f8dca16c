/// @file
/// WebSocket, both sides. Includes all of the package but the parts without sockets: those are in websocket/.
///
/// | | |
/// |---|---|
/// | `websocket::Protocol` | subclass it, be told of messages: protocol.hpp |
/// | `websocket::Connection` | wait for messages: connection.hpp |
/// | `websocket::Resource`, `serve`, `upgrade` | a server: server.hpp, connection.hpp |
/// | `websocket::connect`, `clientFactory` | a client: client.hpp, connection.hpp |
/// | `websocket::Options` | limits, times, compression, subprotocols, origins: options.hpp |
/// | `FrameParser`, `MessageReader`, `Deflater`, `Inflater`, … | bytes in, values out: frame.hpp, message_reader.hpp, deflate.hpp |
#pragma once

#include <bight/websocket/client.hpp>
#include <bight/websocket/connection.hpp>
#include <bight/websocket/protocol.hpp>
#include <bight/websocket/server.hpp>
