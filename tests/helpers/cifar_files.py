"""CIFAR-10 in a few random images, as its files are: the binary version, and the pickles that Python 2 wrote."""

import io
import struct
import tarfile

import numpy as np

NAMES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
TRAINING = [f"data_batch_{i}" for i in range(1, 6)]
IMAGES = 4


def batches(seed=0, images=IMAGES):
    """Name of the file -> (pixels (N, 3072), labels (N,))"""
    rng = np.random.default_rng(seed)
    return {
        name: (rng.integers(0, 256, (images, 3072), np.uint8), rng.integers(0, 10, images))
        for name in [*TRAINING, "test_batch"]
    }


def binary_files():
    files = {
        f"{name}.bin": np.column_stack([labels.astype(np.uint8), pixels]).tobytes()
        for name, (pixels, labels) in batches().items()
    }
    # the official file ends with an empty line
    return files | {"batches.meta.txt": ("\n".join(NAMES) + "\n\n").encode()}


def python_files():
    files = {
        name: cifar_pickle(
            {
                b"batch_label": b"training batch 1 of 5",
                b"labels": labels.tolist(),
                b"data": pixels,
                b"filenames": [b"leptodactylus_pentadactylus_s_%06d.png" % i for i in labels],
            }
        )
        for name, (pixels, labels) in batches().items()
    }
    meta = {b"num_cases_per_batch": 10000, b"label_names": [n.encode() for n in NAMES]}
    return files | {"batches.meta": cifar_pickle(meta | {b"num_vis": 3072})}


def archive(files, folder, mode="w:gz", **kinds):
    """The files in a tar archive, each in the folder; `kinds` gives some another type than that of a file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        tar.addfile(directory := tarfile.TarInfo(folder))
        directory.type = tarfile.DIRTYPE
        for name, content in files.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            member.type = kinds.get(name.partition(".")[0], tarfile.REGTYPE)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def cifar_pickle(value):
    """The dict as cPickle of Python 2 writes it in protocol 2: every string and container is stored in the memo."""
    count = 0

    def put():
        nonlocal count
        count += 1
        return b"q" + bytes([count]) if count < 256 else b"r" + struct.pack("<I", count)

    def groups(values, one, many):
        """Python 2 writes a thousand at a time."""
        for start in range(0, len(values), 1000):
            part = values[start : start + 1000]
            yield b"".join(part) + one if len(part) == 1 else b"(" + b"".join(part) + many

    def save(v):
        if isinstance(v, dict):
            head = b"}" + put()
            return head + b"".join(groups([save(k) + save(x) for k, x in v.items()], b"s", b"u"))
        if isinstance(v, list):
            head = b"]" + put()
            return head + b"".join(groups([save(x) for x in v], b"a", b"e"))
        if isinstance(v, bytes):
            short = len(v) < 256
            head = b"U" + bytes([len(v)]) if short else b"T" + struct.pack("<i", len(v))
            return head + v + put()
        if isinstance(v, np.ndarray):
            return save_array(v)
        if v < 256:
            return b"K" + bytes([v])
        return b"M" + struct.pack("<H", v) if v < 65536 else b"J" + struct.pack("<i", v)

    def save_array(a):
        parts = [b"cnumpy.core.multiarray\n_reconstruct\n", put(), b"cnumpy\nndarray\n", put()]
        parts += [b"K\0\x85", put(), save(b"b"), b"\x87", put(), b"R", put(), b"(K\1"]
        parts += [*map(save, a.shape), b"\x86", put(), b"cnumpy\ndtype\n", put(), save(b"u1")]
        parts += [b"K\0K\1\x87", put(), b"R", put(), b"(K\3", save(b"|"), b"NNN"]
        parts += [b"J\xff\xff\xff\xff" * 2, b"K\0t", put(), b"b\x89", save(a.tobytes()), b"t"]
        return b"".join([*parts, put(), b"b"])

    return b"\x80\x02" + save(value) + b"."
