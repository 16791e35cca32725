"""Proofs of knowledge: announce v·G, c from the transcript, z = v + c·secret."""

from .group import G, Q


def prove(transcript, secret, v):
    announced = v * G
    c = transcript.append("v", announced).challenge("c")
    return {"v": announced, "z": (v + c * secret) % Q}


def holds(transcript, public, proof):
    c = transcript.append("v", proof["v"]).challenge("c")
    return proof["z"] * G == proof["v"] + c * public
