"""Writes torch.bin: what torch.save writes for a small state dict, without torch.

torch.save pickles with Python's own pickler, protocol 2, and lets it call storages by a persistent id; the classes and
functions of torch that the pickle names are stood in for here by empty ones of the same names.
"""
import collections, io, pickle, struct, sys, types, zipfile

torch = types.ModuleType("torch")
utils = types.ModuleType("torch._utils")
sys.modules["torch"], sys.modules["torch._utils"] = torch, utils


def stand_in(module, name, kind):
    thing = type(name, (), {}) if kind == "class" else (lambda *args: None)
    thing.__module__, thing.__qualname__, thing.__name__ = module.__name__, name, name
    setattr(module, name, thing)
    return thing


storages = {n: stand_in(torch, n + "Storage", "class") for n in ("Float", "Half", "BFloat16", "Long")}
rebuild = stand_in(utils, "_rebuild_tensor_v2", "function")
rebuild_parameter = stand_in(utils, "_rebuild_parameter", "function")


class Storage:
    def __init__(self, kind, values):
        self.kind, self.values = kind, values
        self.key = None

    def bytes(self):
        if self.kind == "BFloat16":
            return b"".join(struct.pack("<f", v)[2:] for v in self.values)
        return struct.pack("<%d%s" % (len(self.values), {"Float": "f", "Half": "e", "Long": "q"}[self.kind]), *self.values)


class Tensor:
    def __init__(self, storage, offset, shape, stride):
        self.args = (storage, offset, shape, stride, False, collections.OrderedDict())

    def __reduce__(self):
        return rebuild, self.args


class Parameter(Tensor):
    def __reduce__(self):
        return rebuild_parameter, (Tensor(*self.args[:4]), True, collections.OrderedDict())


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        if obj.key is None:
            obj.key = str(len(written))
            written.append(obj)
        return ("storage", storages[obj.kind], obj.key, "cpu", len(obj.values))


written = []
shared = Storage("Float", [i / 4 for i in range(12)])
state = collections.OrderedDict()
state["float"] = Tensor(shared, 0, (3, 4), (4, 1))
state["tied"] = Tensor(shared, 4, (2, 4), (4, 1))
state["turned"] = Tensor(shared, 0, (4, 3), (1, 4))
state["half"] = Parameter(Storage("Half", [0.5, -2, 65504, 2**-24]), 0, (4,), (1,))
state["bfloat"] = Tensor(Storage("BFloat16", [1, -0.5, 3]), 0, (1, 3), (3, 1))
state["long"] = Tensor(Storage("Long", [7]), 0, (), ())
state["epoch"] = 3
state._metadata = collections.OrderedDict([("", {"version": 1})])
out = io.BytesIO()
Pickler(out, protocol=2).dump(state)
with zipfile.ZipFile("torch.bin", "w", zipfile.ZIP_STORED) as z:
    def write(name, data):
        z.writestr(zipfile.ZipInfo("archive/" + name), data)
    write("data.pkl", out.getvalue())
    write("byteorder", b"little")
    for s in written:
        write("data/" + s.key, s.bytes())
    write("version", b"3\n")
