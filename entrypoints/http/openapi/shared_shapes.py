"""What `--share` tells of the models of this machine's cache, in the hub's own words."""

from __future__ import annotations

from entrypoints.http.openapi.json_shapes import (
    BOOLEAN,
    COUNT,
    STRING,
    STRINGS,
    Shape,
    array,
    constant,
    nullable,
    record,
)


def shared_shapes() -> dict[str, Shape]:
    lfs = record({"oid": STRING, "size": COUNT, "pointerSize": COUNT})
    return {
        "SharedModel": record(
            {
                "_id": STRING,
                "id": STRING,
                "modelId": STRING,
                "author": STRING,
                "sha": nullable(STRING),
                "private": BOOLEAN,
                "gated": BOOLEAN,
                "disabled": BOOLEAN,
                "downloads": COUNT,
                "likes": COUNT,
                "tags": STRINGS,
                "lastModified": nullable(STRING),
                "siblings": array(record({"rfilename": STRING})),
            }
        ),
        "SharedEntry": record(
            {"type": constant("file", "directory"), "path": STRING, "size": COUNT, "oid": nullable(STRING)},
            {"lfs": lfs},
        ),
    }
