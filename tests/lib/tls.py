"""Certificates, in the kinds of files that users of Java's clients have."""

from pathlib import Path

from .procs import run

PASSWORD = "store-pass-1"  # of every store
KEYTOOL = ["keytool", "-J-XX:TieredStopAtLevel=1", "-J-XX:+UseSerialGC"]


class Tls:
    """An authority ("ca"), whose certificate stands in ca.pem, ca.jks and ca.p12; keys and certificates of "broker" and "client" in
    NAME.pem and NAME.p12, the client's also in client.jks. All of them are of 127.0.0.1, not of localhost."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._certificate("ca", [])
        for name in ("broker", "client"):
            self._certificate(name, ["-CA", self.path("ca.pem"), "-CAkey", self.path("ca.key"),
                                     "-addext", "subjectAltName=IP:127.0.0.1"])
        run(["openssl", "pkcs12", "-export", "-in", self.path("client.pem"), "-passout", f"pass:{PASSWORD}", "-out", self.path("client.p12")])
        for kind in ("jks", "p12"):
            run([*KEYTOOL, "-importcert", "-noprompt", "-alias", "ca", "-file", self.path("ca.pem"), "-keystore", self.path(f"ca.{kind}"),
                 "-storetype", "JKS" if kind == "jks" else "PKCS12", "-storepass", PASSWORD])
        run([*KEYTOOL, "-importkeystore", "-srckeystore", self.path("client.p12"), "-destkeystore", self.path("client.jks"),
             "-deststoretype", "JKS", "-srcstorepass", PASSWORD, "-deststorepass", PASSWORD])

    def path(self, name: str) -> Path:
        return self.folder / name

    def parts(self, name: str) -> tuple[str, str]:
        """Of NAME.pem: key and certificate."""
        text = self.path(f"{name}.pem").read_text()
        at = text.index("-----BEGIN CERTIFICATE")
        return text[:at], text[at:]

    def broker(self) -> dict[str, str]:
        """What a broker sets."""
        return {"ssl.keystore.type": "PEM", "ssl.keystore.location": str(self.path("broker.pem")),
                "ssl.truststore.type": "PEM", "ssl.truststore.location": str(self.path("ca.pem"))}

    def _certificate(self, name: str, signer: list[object]) -> None:
        key, certificate = self.path(f"{name}.key"), self.path(f"{name}.crt")
        run(["openssl", "req", "-x509", *signer, "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", f"/CN={name}", "-keyout", key, "-out", certificate])
        self.path(f"{name}.pem").write_text((key.read_text() if signer else "") + certificate.read_text())
