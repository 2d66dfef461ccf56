// What is there, and doing away with it. For API keys, but for rosters.
#pragma once

namespace millrace::http {

struct Exchange;

/// `GET /v1/clients?after=&limit=`: MQTT clients and browsers, of all shards.
void serve_clients(Exchange& exchange);
/// `DELETE /v1/clients/{id}`
void disconnect_client(Exchange& exchange);
/// `GET /v1/channels?after=&limit=`: channels that are stored, or subscribed to by name.
void serve_channels(Exchange& exchange);
/// `DELETE /v1/channels/{channel}/messages?before=`
void purge_channel(Exchange& exchange);
/// `GET /v1/channels/{channel}/presence?after=&limit=`: for whoever may see the roster.
void serve_presence(Exchange& exchange);

}  // namespace millrace::http
