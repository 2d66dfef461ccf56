"""One subscriber through Paho for Python, which publishes too: client.py PORT VERSION FILTER QOS [CLIENT_ID].

With a client id its session outlives it; the filter `-` subscribes to nothing.

stdout: `subscribed`, then `message <payload>` for each, `published` for each that is acknowledged.
stdin: `topic qos retain payload`, a message each. The end of stdin ends the program.
"""

import sys
import threading

import paho.mqtt.client as mqtt
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

port, version, topic_filter, qos = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
client_id = sys.argv[5] if len(sys.argv) > 5 else ""


def say(text):
    print(text, flush=True)


def on_connect(client, *_):
    if topic_filter == "-":
        say("subscribed")
    else:
        client.subscribe(topic_filter, qos=qos)


def connect(client):
    if version != 5 or not client_id:
        return client.connect("127.0.0.1", port)
    properties = Properties(PacketTypes.CONNECT)
    properties.SessionExpiryInterval = 3600
    return client.connect("127.0.0.1", port, clean_start=False, properties=properties)


if version == 5:
    client = mqtt.Client(client_id, protocol=mqtt.MQTTv5)
else:
    client = mqtt.Client(client_id, clean_session=not client_id, protocol=mqtt.MQTTv311)
client.on_connect = on_connect
client.on_subscribe = lambda *_: say("subscribed")
client.on_message = lambda _client, _data, message: say(f"message {message.payload.decode()}")
client.on_publish = lambda *_: say("published")
connect(client)
threading.Thread(target=client.loop_forever, daemon=True).start()
for line in sys.stdin:
    topic, level, retain, payload = line.rstrip("\n").split(" ", 3)
    client.publish(topic, payload, qos=int(level), retain=retain == "1")
