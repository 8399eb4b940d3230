#!/usr/bin/env python3
"""What `make install` leaves, used as an application does: pkg-config, C and C++, the shared and the static library.

Ends with "N passed, N failed, N skipped".
"""
from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = Path(os.environ.get("SHUNT_BUILD", ROOT / "build/release"))

# Every kind of macro and callback that C++ is stricter about.
CPLUSPLUS = r"""
#include <shunt/shunt.h>
#include <cstdio>

static void on_event(shunt_t *, const shunt_event_t *e, void *) { std::printf("%s\n", shunt_event_text(e)); }

int main(int argc, char **)
{
    shunt_conf_t *conf = shunt_conf_new();
    char why[256] = "";
    shunt_conf_set_event_cb(conf, on_event);
    if (shunt_conf_set(conf, "bootstrap.servers", "x", why, sizeof(why)) != RD_KAFKA_CONF_INVALID)
        return 1;
    shunt_t *rk = shunt_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    if (rk && argc > 1)
        (void)shunt_producev(rk, RD_KAFKA_V_TOPIC("t"), RD_KAFKA_V_KEY("k", 1), RD_KAFKA_V_VALUE(why, 1),
                             RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    shunt_destroy(rk);
    if (!rk)
        shunt_conf_destroy(conf);
    std::printf("%s %s\n", shunt_version(), why);
    return rk ? 1 : 0;
}
"""


class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        cls.tmp = tempfile.TemporaryDirectory()
        cls.prefix = Path(cls.tmp.name)
        # A caller's make must not hand down its options.
        env = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
        subprocess.run(["make", "install", f"PREFIX={cls.prefix}"], cwd=ROOT, env=env, check=True,
                       stdout=subprocess.DEVNULL)
        cls.env = {**os.environ, "PKG_CONFIG_PATH": str(cls.prefix / "lib/pkgconfig"),
                   "LD_LIBRARY_PATH": str(cls.prefix / "lib")}

    @classmethod
    def tearDownClass(cls) -> None:
        cls.tmp.cleanup()

    def run_in(self, *words: str, code: int = 0) -> str:
        done = subprocess.run(words, cwd=self.prefix, env=self.env, capture_output=True, text=True, timeout=120)
        self.assertEqual(done.returncode, code, f"{' '.join(words)}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr

    def flags(self, package: str) -> list[str]:
        return self.run_in("pkg-config", "--cflags", "--libs", package).split()

    def compile(self, compiler: str, source: Path, package: str) -> str:
        self.run_in(compiler, "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-o", "program", str(source),
                    *self.flags(package))
        return str(self.prefix / "program")

    def libraries(self, program: str) -> str:
        return self.run_in("ldd", program)

    def test_shared(self) -> None:
        program = self.compile("cc", ROOT / "examples/consume.c", "shunt")
        self.assertIn("usage: consume", self.run_in(program, code=2))
        self.assertIn(str(self.prefix / "lib/libshunt.so.0"), self.libraries(program))

    def test_static(self) -> None:
        program = self.compile("cc", ROOT / "examples/produce.c", "shunt-static")
        self.assertIn("usage: produce", self.run_in(program, code=2))
        self.assertNotIn("libshunt", self.libraries(program))

    def test_cplusplus(self) -> None:
        source = self.prefix / "program.cc"
        source.write_text(CPLUSPLUS)
        for package in ("shunt", "shunt-static"):
            said = self.run_in(self.compile("c++", source, package))
            self.assertIn("cluster.code", said)
            self.assertIn(self.run_in("pkg-config", "--modversion", package).strip(), said)


def main() -> int:
    if BUILD.resolve() != (ROOT / "build/release").resolve():
        print("0 passed, 0 failed, 3 skipped")  # `make install` installs the release build
        return 0
    result = unittest.TextTestRunner(verbosity=1).run(unittest.defaultTestLoader.loadTestsFromTestCase(Install))
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
