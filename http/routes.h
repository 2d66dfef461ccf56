// Which handler serves which request.
#pragma once

#include <string>
#include <vector>

namespace millrace::http {

struct Exchange;

/// Checks who asks and serves, or answers why not. `foreign`: a web page of an origin that is not allowed
/// asks.
void dispatch(Exchange& exchange, bool foreign);

/// Every route of the table as `GET /v1/channels/{channel}/messages`, to compare documents with.
std::vector<std::string> route_names();

}  // namespace millrace::http
