#!/usr/bin/env python3
"""Tests of the harness and of what it starts: shunt-sandbox, ktool, Apache
Kafka, MirrorMaker 2.

    python3 tests/lib/selftest.py [embedded|real] [--build build/release]

Exit code 0 when nothing failed.  Where Apache Kafka can't be had, "real" is
skipped; with CI=true that is a failure."""

import argparse
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.chaos import fences  # noqa: E402
from tests.lib import clusters, failures, kafka_jars, procs  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.lib.world import World  # noqa: E402

BUILD = clusters.ROOT / "build/release"
RUN = clusters.ROOT / "build/run"


def expect(condition: object, what: str) -> None:
    if not condition:
        raise AssertionError(what)


def expect_error(call: Callable[[], object], words: str) -> None:
    try:
        call()
    except AssertionError as why:
        expect(words in str(why), f"{words!r} is not in {str(why)!r}")
        return
    raise AssertionError(f"no error; expected one with {words!r}")


def ktool(*words: object) -> str:
    return procs.run([BUILD / "bin/ktool", *words])


def ends(bootstrap: str, topic: str) -> list[int]:
    lines = ktool("end-offsets", bootstrap, topic).splitlines()
    return [int(line.split()[2]) for line in lines]


# ---- what failed ----------------------------------------------------------------

SAID = {  # what a program prints, what is repeated of it
    "passed  test_a 1 s\nfailed  test_b 2 s Traceback\n  x\nValueError: y\n\npassed  test_c 1 s\n2 passed, 1 failed, 0 skipped":
        "test_b|    ValueError: y",
    "50%: Checks: 2, Failures: 1, Errors: 0\nt/t_x.c:7:F:case:b:0: 1 == 2\nt/t_x.c:9:P:case:c:0: Passed":
        "b:0|    t/t_x.c:7:F:case:b:0: 1 == 2",
    f"{'=' * 70}\nFAIL: test_b (m.T)\n{'-' * 70}\nTraceback\n  x\nm.Timeout: y\n\n{'-' * 70}\nRan 3 tests\n2 passed, 1 failed, 0 skipped":
        "test_b (m.T)|    m.Timeout: y",
    f"{'=' * 70}\nERROR: test_b (m.T)\nWhat it is for\n{'-' * 70}\nTraceback\nKeyError: 'y'\n\n{'-' * 70}\nRan 3 tests\n2 passed, 1 failed":
        "test_b (m.T)|    KeyError: 'y'",
    "failed  t_x 1 of 2, 3 s\n    %6|1|SHUNT|c| moved\n    50%: Checks: 2, Failures: 1, Errors: 0\n    t/t_x.c:7:F:case:b:0: no\n"
    "kept for you: x\n27 passed, 1 failed, 0 skipped": "t_x|    t/t_x.c:7:F:case:b:0: no",
    "ok    a.sh  fine\nFAIL  b.sh\nx.c:1: long\nok    c.sh  fine\n2 passed, 1 failed": "b.sh|    FAIL  b.sh|    x.c:1: long",
    "story1_flip passed 1 s: x\nstory2_death failed 3 s: late\n1 passed, 1 failed, 0 skipped":
        "story2_death|    story2_death failed 3 s: late",
    "cc -c x.c\nx.c:1: error: no\nmake: *** Error 1": "its last lines|    x.c:1: error: no|    make: *** Error 1",
    "==7== ERROR: AddressSanitizer: heap\n    #0 f\nSUMMARY: at x.c:1\n0%: Checks: 1, Failures: 0, Errors: 1\nt.c:1:E:case:b:0: Early exit":
        "sanitizer|    ==7== ERROR: AddressSanitizer: heap|    SUMMARY: at x.c:1|b:0|    t.c:1:E:case:b:0: Early exit",
    f"failed  test_b 1 s\n1 passed\n{failures.BEGIN}\nx: test_b\n{failures.END}\n0 passed, 1 failed, 0 skipped": "x: test_b",
}


def test_what_failed_is_repeated(_: Path) -> None:
    for output, said in SAID.items():
        expect(failures.of_output(output) == said.split("|"), "\n".join([output, "came to", *failures.of_output(output)]))
    long = "\n".join(["failed  test_b 1 s"] + [f"line {i} {'x' * 400}" for i in range(40)] + ["0 passed, 1 failed, 0 skipped"])
    lines = failures.of_output(long, "it")
    expect(lines[0] == "it: test_b" and lines[-1].startswith("    line 39 ") and len(lines) == 1 + failures.LINES
           and len(lines[-1]) <= failures.WIDTH + 4, "\n".join(lines))


def test_who_does_not_keep_to_a_fence_is_seen(folder: Path) -> None:
    folder.mkdir(parents=True)
    log = folder / "w1.ledger"
    log.write_text("\n".join([
        "B 1 1 writer w1 orders 7", "W 2 2 1 1 1", "S 3 3 SWITCH a b 5 -1 -1",
        "A 4 4 1 1 1 a orders 0 1",  # handed over before it was told
        "W 5 5 2 1 2", "A 6 6 2 1 2 a orders 0 2",  # not kept to
        "R 7 7 b orders 0 3 w1 3 1 3", "R 8 8 a orders 0 3 w1 3 1 3",  # the second neither
        "W 9 9 4 1 4", "A 10 10 4 1 4 a orders 0 4", "R 11 11 a orders 0 5 w1 4 1 4",  # the route is another one by then
        "S 12 12 SWITCH a b 9 -1 -1", "R 13 13 a orders 0 6 w1 4 1 4", ""]))
    seen = fences.look(log, [fences.Fence(5, 10)])
    expect(seen.moves == 1 and [line.split(" ")[2] for line in seen.broken] == ["6", "8"], f"{seen}")


# ---- processes ---------------------------------------------------------------


def test_wait_until_tells_what_it_saw(_: Path) -> None:
    expect_error(lambda: wait_until(lambda: 0, 0.1, "zero"), "zero: not within 0.1 s")
    expect_error(lambda: wait_until(lambda: 1 // 0, 0.1, "sum"), "ZeroDivisionError")
    expect(wait_until(lambda: "x", 0.1, "text") == "x", "the value comes back")


def test_proc_waits_for_its_log(folder: Path) -> None:
    proc = procs.Proc("echo", ["sh", "-c", "echo ready: 12; exec cat"], folder)
    expect(proc.wait_for(r"ready: (\S+)").group(1) == "12", "the match comes back")
    proc.send("over")
    proc.wait_for("over")
    expect_error(lambda: proc.wait_for("never", 0.1), "never")
    expect(proc.terminate() == -signal.SIGTERM, "exit code of terminate")
    proc.start()
    proc.wait_for("ready")
    expect("over" not in proc.text(), "the log counts from the last start")
    proc.kill()
    expect(proc.returncode == -signal.SIGKILL, "exit code of kill")


def test_proc_that_ends_early_is_told_at_once(folder: Path) -> None:
    proc = procs.Proc("bad", ["sh", "-c", "echo out of luck; exit 3"], folder)
    expect_error(lambda: proc.wait_for("ready"), "ended with 3")
    expect_error(lambda: procs.Proc("none", ["/no/such/program"], folder), "/no/such/program")
    expect_error(lambda: procs.run(["sh", "-c", "echo why >&2; exit 1"]), "why")


def test_nothing_survives_a_killed_test(folder: Path) -> None:
    """Not even when the test is killed with -9, by whichever way it ends."""
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
        test = procs.Proc("test", [sys.executable, "-c", SLEEPER, folder], folder)
        child = int(test.wait_for(r"child (\d+)").group(1))
        os.kill(test.pid, number)
        test.wait()
        wait_until(lambda: not alive(child), 5, f"end of {child} after signal {number}")


SLEEPER = """
import sys
sys.path.insert(0, %r)
from pathlib import Path
from tests.lib.procs import Proc
p = Proc("sleep", ["sleep", "60"], Path(sys.argv[1]))
print("child", p.pid, flush=True)
p.wait(60)
""" % str(clusters.ROOT)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


# ---- embedded clusters -------------------------------------------------------


def test_embedded_topics(folder: Path) -> None:
    c = clusters.Embedded(folder, BUILD, topics="orders:6,a/only:2", brokers=2)
    expect(len(c.a.split(",")) == 2, f"two brokers in {c.a}")
    topics = {name: ktool("topics", at).splitlines() for name, at in (("a", c.a), ("b", c.b))}
    expect("orders 6" in topics["a"] and "orders 6" in topics["b"], "on both")
    expect("only 2" in topics["a"] and "only 2" not in topics["b"], "on a alone")
    expect("mm2-offsets.a.internal 25" in topics["b"], "MirrorMaker 2's topics")
    c.create_topic("b", "later", 3)
    expect("later 3" in ktool("topics", c.b), "made by command")
    c.stop()


def test_embedded_down_up_slow(folder: Path) -> None:
    c = clusters.Embedded(folder, BUILD)
    ktool("produce", c.a, "orders", 2, "x")
    c.kill("a")
    expect(not reachable(c.a), "a is down")
    expect(reachable(c.b), "b is not")
    expect(c.command("status")[0] == f"a {c.a} down slow 0", "status tells")
    c.revive("a")
    expect(ends(c.a, "orders") == [0, 0, 1, 0, 0, 0], "what was written is there")
    c.slow("a", 300)
    expect(metadata_s(c.a) >= 0.3, "a is slow")
    c.slow("a", 0)
    expect(metadata_s(c.a) < 0.3, "a is quick again")
    c.stop()
    expect(not reachable(c.b), "stopped")


def reachable(bootstrap: str) -> bool:
    return procs.port_in_use(int(bootstrap.split(":")[1]))


def metadata_s(bootstrap: str) -> float:
    start = time.monotonic()
    ktool("topics", bootstrap)
    return time.monotonic() - start


def test_embedded_bad_commands(folder: Path) -> None:
    c = clusters.Embedded(folder, BUILD)
    for line, words in (
            ("fly", '"fly" is no command'),
            ("cluster c down", '"c" is no cluster'),
            ("cluster a away", '"away" is no state'),
            ("cluster a slow soon", '"soon" is no number of milliseconds'),
            ("cluster a slow -1", '"-1" is no number of milliseconds'),
            ("cluster a", "does not go with 1 words"),
            ("topic a x many", '"many" is no number of partitions'),
            ("topic a x/y 1", '"x/y" is no topic name'),
            ("topic a orders 6", "already there"),
            ("status now", "does not go with 1 words")):
        expect_error(lambda line=line: c.command(line), words)
    flood(int(c.sandbox.wait_for(r"control: \S+:(\d+)").group(1)))
    expect(c.command("status"), "still there")
    c.sandbox.send("quit")
    expect(c.sandbox.wait() == 0, "quit by stdin")


def flood(port: int) -> None:
    """A line without end is cut off."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
        try:
            while True:
                s.sendall(b"x" * 4096)
        except (ConnectionResetError, BrokenPipeError):
            return


def test_embedded_fixed_ports(folder: Path) -> None:
    a, b = procs.free_port(), procs.free_port()
    argv = [BUILD / "bin/shunt-sandbox", "--a.port", a, "--b.port", b]
    first = procs.Proc("first", argv, folder)
    first.wait_for(f"ready: a=127.0.0.1:{a} b=127.0.0.1:{b}")
    second = procs.Proc("second", argv, folder)
    expect(second.wait() == 1, "a port in use is exit code 1")
    expect(f"port {a} on 127.0.0.1 can't be used" in second.text(), second.text())
    expect(len(second.text().splitlines()) == 1, "one sentence")
    expect(first.terminate() == 0, "SIGTERM is a good end")
    expect(not procs.port_in_use(a), "and frees the port")
    again = procs.Proc("again", argv, folder)
    again.wait_for("ready")
    os.kill(again.pid, signal.SIGINT)
    expect(again.wait() == 0, "so is Ctrl-C")


def test_embedded_waiting_clients(folder: Path) -> None:
    """They ask for topics from the first moment on; none is made for them before the sandbox makes it."""
    a, b = procs.free_port(), procs.free_port()
    over = threading.Event()
    askers = [threading.Thread(target=ask, args=(a, topic, over)) for topic in ("orders", "b.heartbeats") * 2]
    for asker in askers:
        asker.start()
    try:
        for i in range(4):
            sandbox = procs.Proc(f"waited-for-{i}", [BUILD / "bin/shunt-sandbox", "--a.port", a, "--b.port", b,
                                                     "--topics", "orders:3,orders:3,b.heartbeats:1"], folder)
            sandbox.wait_for("ready: a=")
            listed = ktool("topics", f"127.0.0.1:{a}").splitlines()
            expect("orders 3" in listed and "b.heartbeats 1" in listed, f"{listed}")
            expect(sandbox.terminate() == 0, sandbox.text())
    finally:
        over.set()
        for asker in askers:
            asker.join()


def ask(port: int, topic: str, over: threading.Event) -> None:
    """Asks for this topic's metadata (version 1), again and again."""
    request = struct.pack(">hhihih", 3, 1, 7, -1, 1, len(topic)) + topic.encode()
    while not over.is_set():
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=30) as s:
                s.sendall(struct.pack(">i", len(request)) + request)
                s.recv(4096)
        except OSError:
            pass
        over.wait(0.001)


def test_embedded_bad_options(folder: Path) -> None:
    for words, text in ((["--brokers", "none"], "brokers"), (["--fly"], "fly"),
                        (["--topics", "orders"], '"orders" is not NAME:PARTITIONS'),
                        (["--topics", "c/x:1"], '"c" is no cluster'), (["up"], '"up"'),
                        (["--topics", "orders:2,b/orders:3"], "orders is already there on cluster b, with another number"),
                        (["--topics", "heartbeats:2"], "topic heartbeats is already there on cluster a")):
        proc = procs.Proc("bad", [BUILD / "bin/shunt-sandbox", "--a.port", 0,
                                  "--b.port", 0, *words], folder)
        expect(proc.wait() == 1, f"exit code of {words}")
        expect(text in proc.text(), proc.text())


def world_story(kind: str) -> None:
    with World("selftest", kind, build=str(BUILD.relative_to(clusters.ROOT))) as world:
        folder, route = world.folder, world.route_url
        world.put_rule("orders", "a", group="g*")
        before = world.table()["revision"]
        expect(world.flip("orders", "b")["revision"] == before + 1, "a flip is a revision")
        rule = world.table()["rules"][0]
        expect(rule["match"]["group"] in ("g*", ["g*"]), f"a flip keeps the rule: {rule}")
        identity = {"cluster.code": "orders", "role": "consumer", "topics": ["orders"],
                    "group": "g1"}
        expect(world.resolve(identity)["routes"][0]["cluster"] == "b", "resolved")
        expect(world.clients() == [], "no clients")
        for source, target in (("a", "b"), ("b", "a")):
            for value in ("one", "two", "three"):
                ktool("produce", world.clusters.bootstrap(source), "orders", 2, value)
            world.clusters.wait_copied(source, target, "orders")
            wait_until(lambda: translated(world, source, target), 60,
                       f"the mapper translates {source}->{target}")
        world.kill_route()
        world.kill_mapper()
        world.start_route()
        world.start_mapper()
        world.wait_mapper_ready()
        expect(world.table()["revision"] == before + 1, "the table is kept")
        expect(translated(world, "a", "b"), "the map is kept")
    expect(not folder.exists(), "the folder is removed")
    expect(not procs.port_in_use(int(route.rsplit(":", 1)[1])), "the port is free")


def translated(world: World, source: str, target: str) -> bool:
    """A position that the newest sync tells, and back again."""
    there = world.translate(source, target, [("orders", 2, 1)])[0]
    if there["quality"] not in ("exact", "bounded"):
        return False
    expect(there["to_topic"] == f"{source}.orders", str(there))
    expect(there["position"] <= 1, f"never past the right one: {there}")
    back = world.translate(target, source, [(f"{source}.orders", 2, 1)])[0]
    return back["to_topic"] == "orders" and back["position"] <= 1


def test_embedded_world(_: Path) -> None:
    world_story("embedded")


def test_embedded_world_that_fails_keeps_its_folder(_: Path) -> None:
    try:
        with World("selftest-fails", replicate=False,
                   build=str(BUILD.relative_to(clusters.ROOT))) as world:
            raise KeyError("a bad day")
    except KeyError:
        pass
    expect((world.folder / "route.log").exists(), "the logs are kept")
    shutil.rmtree(world.folder)


# ---- Apache Kafka ------------------------------------------------------------


def test_real_pair(folder: Path) -> None:
    c = clusters.RealKafka(folder, BUILD, topics="orders:6")
    c.create_topic("a", "more", 3)
    expect("more 3" in ktool("topics", c.a), "made")
    expect("more" not in ktool("topics", c.b), "on a alone")
    expect_error(lambda: c.create_topic("a", "more", 3), "already exists")
    mm2 = c.start_mm2()
    ktool("produce", c.a, "orders", 2, "x")
    wait_until(lambda: ends(c.b, "a.orders") == [0, 0, 1, 0, 0, 0], 90,
               "MirrorMaker 2 copies a record")
    c.kill("a")
    expect(not reachable(c.a) and reachable(c.b), "a is dead, b is not")
    c.kill_mm2()
    c.revive("a")
    expect(ends(c.a, "orders") == [0, 0, 1, 0, 0, 0], "what was written is there")
    pids = [mm2.pid, *(broker.pid for broker in c.brokers.values())]
    c.stop()
    c.stop()
    expect(not any(alive(pid) for pid in pids), "no process is left")
    expect(not reachable(c.a) and not reachable(c.b), "no port is in use")


def test_real_world(_: Path) -> None:
    world_story("real")


# ---- all of it ---------------------------------------------------------------


def leftovers() -> str:
    """Children of this process, of which there should be none."""
    return subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(os.getpid())],
                          capture_output=True, text=True, check=False).stdout


def run_one(name: str, test: Callable[[Path], None]) -> str:
    folder = RUN / f"selftest-{os.getpid()}-{name}"
    start = time.monotonic()
    try:
        test(folder)
        left = [line for line in leftovers().splitlines() if " ps -o " not in line]
        expect(not left, f"left behind: {left}")
        result, why = "passed", ""
    except kafka_jars.Unreachable as reason:
        in_ci = os.environ.get("CI") == "true"
        result, why = ("failed" if in_ci else "skipped"), str(reason)
    except Exception:
        result, why = "failed", traceback.format_exc() + f"logs: {folder}"
    procs.end_all()
    if result != "failed":
        shutil.rmtree(folder, ignore_errors=True)
    print(f"{result:8}{name} {time.monotonic() - start:.1f} s {why}".rstrip(), flush=True)
    return result


def main() -> int:
    global BUILD
    parser = argparse.ArgumentParser(description="Tests of the test harness.")
    parser.add_argument("kind", nargs="?", choices=("embedded", "real"))
    parser.add_argument("--build", default="build/release")
    args = parser.parse_args()
    BUILD = clusters.ROOT / args.build
    results = [run_one(name, test) for name, test in sorted(globals().items())
               if name.startswith("test_")
               and ("real" in name) <= (args.kind != "embedded")
               and ("embedded" in name) <= (args.kind != "real")]
    print(", ".join(f"{results.count(r)} {r}" for r in ("passed", "failed", "skipped")))
    return 1 if "failed" in results else 0


if __name__ == "__main__":
    sys.exit(main())
