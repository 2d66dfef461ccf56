"""A member of a shared subscription, on Paho: member.py PORT FILTER. Prints `ready`, then each payload."""

import sys

import paho.mqtt.client as mqtt

port, shared_filter = int(sys.argv[1]), sys.argv[2]


def on_connect(client, _user_data, _flags, _code, _properties):
    client.subscribe(shared_filter, qos=1)


def on_subscribe(_client, _user_data, _id, _codes, _properties):
    print("ready", flush=True)


def on_message(_client, _user_data, message):
    # Paho acknowledges after this has returned: what was acknowledged was printed.
    print(message.payload.decode(), flush=True)


client = mqtt.Client(protocol=mqtt.MQTTv5)
client.on_connect = on_connect
client.on_subscribe = on_subscribe
client.on_message = on_message
client.connect("127.0.0.1", port)
client.loop_forever()
