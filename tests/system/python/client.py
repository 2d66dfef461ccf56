"""One subscriber through Paho for Python, which publishes too: client.py PORT VERSION FILTER QOS.

stdout: `subscribed`, then `message <payload>` for each, `published` for each that is acknowledged.
stdin: `topic qos retain payload`, a message each. The end of stdin ends the program.
"""

import sys
import threading

import paho.mqtt.client as mqtt

port, version, topic_filter, qos = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4])


def say(text):
    print(text, flush=True)


def on_connect(client, *_):
    client.subscribe(topic_filter, qos=qos)


client = mqtt.Client(protocol=mqtt.MQTTv5 if version == 5 else mqtt.MQTTv311)
client.on_connect = on_connect
client.on_subscribe = lambda *_: say("subscribed")
client.on_message = lambda _client, _data, message: say(f"message {message.payload.decode()}")
client.on_publish = lambda *_: say("published")
client.connect("127.0.0.1", port)
threading.Thread(target=client.loop_forever, daemon=True).start()
for line in sys.stdin:
    topic, level, retain, payload = line.rstrip("\n").split(" ", 3)
    client.publish(topic, payload, qos=int(level), retain=retain == "1")
