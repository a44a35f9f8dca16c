/// @file
/// Doubles for tests: what to put in the place of time, of a connection, and of a reactor. Public, because those who
/// write protocols test with them. docs/howto/testing.md shows them at work.
///
/// | instead of | use |
/// |---|---|
/// | a reactor's time | `testing::Clock` |
/// | a connection, seen from one protocol | `testing::StringTransport` |
/// | a connection of two protocols | `testing::IOPump` |
/// | a protocol whose events are of interest | `testing::AccumulatingProtocol` |
/// | `ReactorTCP`, `ReactorUDP`, `ReactorUNIX`, `ReactorSocket` (and time, and names) | `testing::MemoryReactor` |
/// | a port of datagrams | `testing::MemoryDatagramPort`, from `MemoryReactor::listenUDP` |
/// | the resolver of a reactor | `testing::MemoryNameResolver` |
/// | a child process | `testing::MemoryProcess`, from `MemoryReactor::spawnProcess` |
/// | the log | `testing::LogCapture` |
/// | a whole network with machines, time and trouble, for everything that takes a `Reactor` | `testing::SimulatedNetwork` |
/// | a network that cuts bytes anywhere | `testing::eachFeeding` |
#pragma once

#include <bight/testing/accumulating_protocol.hpp>
#include <bight/testing/clock.hpp>
#include <bight/testing/feeding.hpp>
#include <bight/testing/io_pump.hpp>
#include <bight/testing/log_capture.hpp>
#include <bight/testing/memory_datagram_port.hpp>
#include <bight/testing/memory_process.hpp>
#include <bight/testing/memory_reactor.hpp>
#include <bight/testing/memory_resolver.hpp>
#include <bight/testing/simulated_network.hpp>
#include <bight/testing/string_transport.hpp>
