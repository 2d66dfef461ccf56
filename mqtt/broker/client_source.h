// Who is connected to one shard: what each door that keeps clients tells.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "core/keyed_page.h"

namespace millrace::mqtt {

/// A connected client, for people.
struct ClientInfo {
    std::string address;
    std::string_view protocol;   ///< `mqtt-5.0`, `rt`, …
    std::string_view transport;  ///< `tcp` or `websocket`
    std::string user;            ///< empty: anonymous
    std::int64_t connected_at_us = 0;
};

/// By client id, or socketId.
using ClientPage = KeyedPage<ClientInfo>;

/// The clients of one door on one shard; used on its thread.
class ClientSource {
  public:
    virtual void list_clients(ClientPage& page) = 0;
    /// Disconnects a client by order of an administrator. False: it is not here.
    virtual bool disconnect_client(std::string_view id) = 0;

  protected:
    ~ClientSource() = default;
};

}  // namespace millrace::mqtt
