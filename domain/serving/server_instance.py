"""One run of one server, and how it proves to be that one."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ServerInstance:
    """secret: random, known to the server and to whoever may read its user's files. It is never sent: what is sent is
    made from it, so that a program which takes over the port of a server that has ended can prove nothing.
    """

    secret: str = field(repr=False)

    def proof(self, challenge: str, port: int) -> str:
        """What only this instance can answer to a challenge that has not been seen before."""
        return self._made_of(f"proof {port} {challenge}")

    def proves(self, challenge: str, port: int, proof: str) -> bool:
        return hmac.compare_digest(self.proof(challenge, port).encode(), proof.encode("utf-8", "surrogatepass"))

    def pass_for(self, nonce: str, port: int, method: str, path: str) -> str:
        """What lets one request in without an API key; good for no other method or path. nonce: the sender's own."""
        return self._made_of(f"pass {port} {method} {path} {nonce}")

    def admits(self, offered: str, nonce: str, port: int, method: str, path: str) -> bool:
        expected = self.pass_for(nonce, port, method, path)
        return hmac.compare_digest(expected.encode(), offered.encode("utf-8", "surrogatepass"))

    def load_token(self, identity: str) -> str:
        """Stands for one way of having one model loaded (ModelLoad.identity), without telling its path."""
        return self._made_of(f"load {identity}")

    def _made_of(self, words: str) -> str:
        return hmac.new(self.secret.encode(), words.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
