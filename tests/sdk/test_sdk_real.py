#!/usr/bin/env python3
"""libshunt on real brokers: the C programs of tests/sdk, against one world.

    python3 tests/sdk/test_sdk_real.py [--build build/release] [--delay MS] [PROGRAM...]
    python3 tests/sdk/test_sdk_real.py --serve FILE

Starts two brokers (with Kafka's own group.initial.rebalance.delay.ms, 3000, unless --delay says otherwise), MirrorMaker 2
both ways, a route service and a mapper; runs every program of BUILD/sdk-real (or those with one of the words in
their name), and serves what they ask for: one command a line, its answer ends with "ok" or "error: WHY".
CK_RUN_CASE=NAME runs one test case of a program.  Ends with "N passed, N failed, N skipped".

--serve keeps the world for programs run by hand: `env $(cat FILE) build/release/sdk-real/t_x`; Ctrl-C ends it."""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Callable

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.lib import kafka_jars, procs  # noqa: E402
from tests.lib.clusters import NAMES, ROOT  # noqa: E402
from tests.lib.tls import Tls  # noqa: E402
from tests.lib.wait import wait_until  # noqa: E402
from tests.lib.world import World  # noqa: E402

PARTITIONS = 6  # REAL_PARTITIONS of real.h
POOL = 40  # topics made before MirrorMaker 2 starts: each that it finds later restarts its tasks
USER, PASSWORD = "app", "app-secret"  # of the listener that wants a login
PROGRAM_S = 600
CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)


class Driver:
    """The world and its commands.  All on the main thread: processes die with the thread that started them."""

    def __init__(self, build: str, delay_ms: int) -> None:
        topics = [f"s{n}" for n in range(POOL)]
        self.secrets = tempfile.TemporaryDirectory()
        tls = Tls(Path(self.secrets.name) / "tls")
        self.world = World("sdk", kind="real", build=build, topics=",".join(f"{t}:{PARTITIONS}" for t in topics),
                           rebalance_delay_ms=delay_ms, users={USER: PASSWORD}, tls=tls)
        self.world.wait_mapper_ready()
        self._put_guarded(tls)
        self.fresh_topics = topics
        self.made = POOL
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(0.1)

    def env(self) -> dict[str, str]:
        return {"SHUNT_TEST_A": self.world.clusters.a, "SHUNT_TEST_B": self.world.clusters.b,
                "SHUNT_TEST_ROUTE": self.world.route_url, "SHUNT_TEST_MAPPER": self.world.mapper_url,
                "SHUNT_TEST_DRIVER": str(self.listener.getsockname()[1])}

    # ---- commands -----------------------------------------------------------

    def fresh(self) -> str:
        """A topic that nobody has used, on both clusters and replicated"""
        if not self.fresh_topics:
            self.made += 1
            self.fresh_topics.append(f"s{self.made}")
            for cluster in NAMES:
                self.world.clusters.create_topic(cluster, self.fresh_topics[0], PARTITIONS)
        topic = self.fresh_topics.pop(0)
        for source, target in (NAMES, NAMES[::-1]):
            wait_until(lambda: self.world.clusters.ends(target, f"{source}.{topic}"), 60, f"{source}.{topic} is made")
        return topic

    def topic(self, cluster: str, name: str, partitions: str) -> None:
        """CLUSTER NAME PARTITIONS: makes a topic there"""
        self.world.clusters.create_topic(cluster, name, int(partitions))

    def rule(self, code: str, cluster: str, *match: str) -> None:
        """CODE CLUSTER [topic=GLOB group=GLOB ...]: puts a rule of that id; with more dimensions, CODE:topic.GLOB:..."""
        words = dict(m.split("=", 1) for m in match)
        self.world.put_rule(code, cluster, rule_id=":".join([code, *match]).replace("=", "."), priority=100 + len(match), **words)

    def flip(self, rule_id: str, cluster: str) -> None:
        """RULE CLUSTER: moves the rule of that id"""
        self.world.flip(rule_id, cluster)

    def change(self, *words: str) -> str:
        """JSON: the operations of one change set; prints the answer"""
        return json.dumps(self.world.change(json.loads(" ".join(words))))

    def ends(self, cluster: str, topic: str) -> str:
        """CLUSTER TOPIC: the end offset of each partition"""
        return " ".join(map(str, self.world.clusters.ends(cluster, topic)))

    def copied(self, source: str, target: str, topic: str) -> None:
        """FROM TO TOPIC: waits until what stands there now is copied"""
        self.world.clusters.wait_copied(source, target, topic)

    def translated(self, source: str, target: str, topic: str, partition: str, offset: str) -> str:
        """FROM TO TOPIC PARTITION OFFSET: the mapper's answer as JSON"""
        return json.dumps(self.world.translate(source, target, [(topic, int(partition), int(offset))])[0])

    def clients(self) -> str:
        """The clients that are connected to the route service, JSON"""
        return json.dumps(self.world.clients())

    def kill(self, what: str) -> None:
        """a, b, route, mapper or mm2: kill -9"""
        {"route": self.world.kill_route, "mapper": self.world.kill_mapper,
         "mm2": self.world.clusters.kill_mm2}.get(what, lambda: self.world.clusters.kill(what))()

    def revive(self, what: str) -> None:
        """a, b, route, mapper or mm2: returns when it is ready"""
        if what == "mm2":
            self.world.clusters.start_mm2()
            self.world.clusters.wait_mm2()
        else:
            {"route": self.world.start_route, "mapper": self.world.start_mapper}.get(
                what, lambda: self.world.clusters.revive(what))()

    def secret(self, kind: str) -> None:
        """right or wrong: the password that clients of a-login use from now on"""
        Path(self.secrets.name, "password").write_text(PASSWORD if kind == "right" else "guessed")

    def pause(self, what: str) -> None:
        """a, b, route, mapper or mm2: stops it where it stands (SIGSTOP)"""
        self._proc(what).pause()

    def resume(self, what: str) -> None:
        """What pause stopped goes on"""
        self._proc(what).resume()

    def help(self) -> str:
        """This"""
        return "\n".join(f"{name}: {(command.__doc__ or '').strip()}" for name, command in self._commands().items())

    # ---- serving ------------------------------------------------------------

    def serve(self) -> None:
        """One question, if somebody asks within a moment."""
        try:
            peer, _ = self.listener.accept()
        except TimeoutError:
            return
        with peer, peer.makefile("rw") as f:
            words = f.readline().split(" ")
            words = [w for w in (w.strip() for w in words) if w]
            try:
                answer = self._commands()[words[0]](*words[1:])
                f.write((f"{answer}\n" if answer else "") + "ok\n")
            except Exception as why:  # the test's failure, not ours
                f.write("error: " + f"{type(why).__name__}: {why}".replace("\n", " | ") + "\n")

    def repair(self) -> None:
        """What a program left dead or stopped is there for the next."""
        for what in (*NAMES, "route", "mapper", "mm2"):
            self.resume(what)
            if not self._proc(what).alive:
                self.revive(what)

    def stop(self, failed: bool) -> None:
        self.listener.close()
        self.world.stop(failed)
        self.secrets.cleanup()

    def _put_guarded(self, tls: Tls) -> None:
        """Clusters a-login and b-certified: a and b by the listeners that want something."""
        authority = {"ssl.ca.location": str(tls.path("ca.pem"))}
        login = self.world.clusters.sasl("a", USER)  # type: ignore[attr-defined]
        ways = {"a-login": (login["bootstrap.servers"], {
            "security.protocol": login["security.protocol"], "sasl.mechanism": login["sasl.mechanism"], "sasl.username": USER,
            "sasl.password": f"${{file:{self.secrets.name}/password}}", **authority}),
            "b-certified": (self.world.clusters.certified("b"), {  # type: ignore[attr-defined]
                "security.protocol": "ssl", "ssl.certificate.location": str(tls.path("client.pem")),
                "ssl.key.location": str(tls.path("client.key")), **authority})}
        self.world.change([{"op": "put", "cluster": {"name": name, "bootstrap.servers": servers, "properties": properties}}
                           for name, (servers, properties) in ways.items()])

    def _proc(self, what: str) -> procs.Proc:
        clusters = self.world.clusters
        return {**clusters.brokers, "route": self.world.route, "mapper": self.world.mapper,
                "mm2": clusters.replication}[what]

    def _commands(self) -> dict[str, Callable[..., str | None]]:
        names = ("fresh", "topic", "rule", "flip", "change", "ends", "copied", "translated", "clients", "kill", "revive", "secret",
                 "pause", "resume", "help")
        return {name: getattr(self, name) for name in names}


def run_program(driver: Driver, path: Path) -> tuple[int, int]:
    """(passed, failed)"""
    start = time.monotonic()
    log = driver.world.folder / f"{path.name}.log"
    with open(log, "wb") as out:
        child = subprocess.Popen([path], stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                 env={**os.environ, **driver.env()}, start_new_session=True)
        while child.poll() is None and time.monotonic() - start < PROGRAM_S:
            driver.serve()
    late = child.poll() is None
    if late:
        os.killpg(child.pid, 9)
        child.wait()
    text = log.read_text(errors="replace")
    passed = failed = 0
    for checks, failures, errors in CHECKS.findall(text):
        failed += int(failures) + int(errors)
        passed += int(checks) - int(failures) - int(errors)
    if failed == 0 and (late or child.returncode != 0):
        failed = 1
    print(f"{'failed' if failed else 'passed':8}{path.name} {passed} of {passed + failed}, "
          f"{time.monotonic() - start:.1f} s{f' (ended after {PROGRAM_S} s)' if late else ''}")
    for line in text.splitlines() if failed else ():
        print(f"    {line}")
    sys.stdout.flush()
    driver.repair()
    return passed, failed


def run_all(driver: Driver, programs: list[Path]) -> int:
    passed = failed = 0
    done = False
    try:
        for path in programs:
            p, f = run_program(driver, path)
            passed, failed = passed + p, failed + f
        done = True
    finally:
        driver.stop(failed > 0 or not done)
        procs.end_all()
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


def serve(driver: Driver, path: Path) -> int:
    path.write_text("\n".join(f"{k}={v}" for k, v in driver.env().items()) + "\n")
    print(f"serving; {path} has the environment", flush=True)
    try:
        while True:
            driver.serve()
    except KeyboardInterrupt:
        return 0
    finally:
        driver.stop(False)
        procs.end_all()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--delay", type=int, default=3000, metavar="MS")
    parser.add_argument("--serve", type=Path, metavar="FILE")
    parser.add_argument("words", nargs="*", metavar="PROGRAM")
    options = parser.parse_args()
    programs = [p for p in sorted((ROOT / options.build / "sdk-real").glob("t_*")) if p.suffix == "" and
                (not options.words or any(word in p.name for word in options.words))]
    if not programs and not options.serve:
        print(f"no program below {options.build}/sdk-real: was it built?\n0 passed, 1 failed, 0 skipped")
        return 1
    try:
        driver = Driver(options.build, options.delay)
    except kafka_jars.Unreachable as why:
        wrong = os.environ.get("CI") == "true"
        print(f"skipped: {len(programs)} programs: {why}")
        print(f"0 passed, {len(programs) if wrong else 0} failed, {0 if wrong else len(programs)} skipped")
        return int(wrong)
    return serve(driver, options.serve) if options.serve else run_all(driver, programs)


if __name__ == "__main__":
    sys.exit(main())
