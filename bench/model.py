"""What the figures say about sizing: what one core, one lane and one gigabyte carry, and where the next wall is."""
import math

from plots import number

GIB = 1024**3


def per_core(results, row, server, field):
    cost = results.median(row, server, field)
    return 1e6 / cost if cost else None


def model(results):
    parts = [part for part in (core(results), lane(results), gigabyte(results), walls(results)) if part]
    return "## Model\n\nComputed from the medians above; a machine of another kind shifts all of them.\n\n" + "\n".join(parts) if parts else ""


def listed(head, entries):
    lines = [f"- {number(v)} {what}" for v, what in entries if v]
    return f"**{head}**\n\n" + "\n".join(lines) + "\n" if lines else ""


def core(results):
    return listed("One core carries, a second,", [
        (per_core(results, "fan8x8", "millrace", "cpu_s_per_M"), "deliveries of 64 bytes at QoS 0 when many are under way to the same clients (fan8x8)"),
        (per_core(results, "pair0", "millrace", "cpu_s_per_M"), "messages at QoS 0 (pair0), {} at QoS 1 (pair1), {} at QoS 2 (pair2)".format(
            *(number(per_core(results, row, "millrace", "cpu_s_per_M")) for row in ("pair1", "pair2")))),
        (per_core(results, "lat0", "millrace", "cpu_s_per_M"), "messages that come one by one, each with a wake-up and two system calls of its own (lat0)"),
        (per_core(results, "A", "millrace-live", "cpu_s_per_M_delivered"), "deliveries to browsers of one channel (A)"),
        (per_core(results, "F", "millrace-live", "cpu_s_per_M_requests"), "HTTP requests that do nothing (F)"),
        (results.median("storm", "millrace", "cpu_s_per_1k_conns") and 1000 / results.median("storm", "millrace", "cpu_s_per_1k_conns"), "connects (storm)"),
    ])


def lane(results):
    return listed("One lane commits, a second, with the generator and the database on the same cores,", [
        (results.median("batch", "millrace-pg", "rows_per_s"), "messages in PostgreSQL that come 100 a request (batch)"),
        (results.median("batch", "millrace-sqlite", "rows_per_s"), "messages in SQLite that come 100 a request (batch)"),
        (results.median("B", "millrace-pg", "acks_per_s"), "messages in PostgreSQL from 64 publishers that wait for each (B)"),
        (results.median("B", "millrace-sqlite", "acks_per_s"), "messages in SQLite from 64 publishers that wait for each (B)"),
    ])


def gigabyte(results):
    def fit(row, field, server="millrace"):
        size = results.median(row, server, field)
        return GIB / size if size else None

    return listed("One gigabyte holds", [
        (fit("idle10k", "rss_bytes_per_conn"), "idle MQTT connections, {} that have subscribed".format(number(fit("idle10ksub", "rss_bytes_per_conn")))),
        (fit("D", "pss_per_conn_b", "millrace-live"), "browsers joined to a channel each"),
        (fit("retained100k", "rss_bytes_per_retained"), "retained messages of 64 bytes"),
        (fit("offline60k", "rss_bytes_per_queued"), "messages of 64 bytes queued for absent clients"),
        (fit("wild100k", "rss_bytes_per_sub"), "wildcard subscriptions"),
    ])


def slope(results, server):
    """How much dearer a message becomes with ten times the rows: least squares over log10(rows), as a share of the mean cost."""
    costs = [(p, results.median("rows", server, "cpu_s_per_M_published", p)) for p in results.points("rows", server) if p]
    points = [(math.log10(rows), cost) for rows, cost in costs if cost]
    if len(points) < 2:
        return None
    mean_x, mean_y = (sum(p[i] for p in points) / len(points) for i in (0, 1))
    rise = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    return rise, points[-1]


def walls(results):
    lines = []
    for server, name in (("millrace-sqlite", "SQLite"), ("millrace-pg", "PostgreSQL")):
        found = slope(results, server)
        if found:
            rise, (x, cost) = found
            at = cost + max(0, rise) * (8 - x)  # that it falls with more rows is noise
            lines.append(f"- {name}: {number(10**x)} rows were reached. Ten times the rows change the cost of a message by {rise:+.1f} CPU-s per million; drawn on "
                         f"to 100 million rows: {number(at)} instead of {number(cost)}. The index grows by about a level for every few hundred times the rows, so the "
                         "line holds while its upper levels stay in memory; after that every commit reads, and the disk is the wall.")
    lone, dense = per_core(results, "lat0", "millrace", "cpu_s_per_M"), per_core(results, "pair0", "millrace", "cpu_s_per_M")
    if lone and dense:
        lines.append(f"- Live messages: the kernel. A message that comes alone costs {number(dense / lone)} times one that comes in company; what is left to gain "
                     "there are wake-ups and system calls, not our code. Beyond one core: more shards, at the price of the table above.")
    alone, pushed = results.median("E", "pglimit", "commit_ms_p50", 1), results.median("C", "millrace-pg", "ws_us.p50")
    node = results.median("C", "node-pg", "ws_us.p50")
    if alone and pushed and node:
        lines.append(f"- How soon a stored message is pushed: PostgreSQL's commit of one row, {number(alone * 1000)} µs in the median with nothing beside it (E). Of the "
                     f"{number(pushed)} µs of row C the rest, {number(max(0, pushed - alone * 1000))} µs, is the way in, the wait for the commit under way, and the way "
                     f"out; a server that took no time at all would be {number(node / alone / 1000)} times as quick as the Node.js stack.")
    ours, ceiling = results.median("batch", "millrace-pg", "rows_per_s"), results.median("batch", "pglimit", "rows_per_s")
    if ours and ceiling:
        lines.append(f"- Stored messages: the database's commit. At {100 * ours / ceiling:.0f} % of what COPY alone reaches on the same cores, a second lane helps only "
                     "with cores for PostgreSQL to use.")
    return "**The next wall**\n\n" + "\n".join(lines) + "\n" if lines else ""
