"""A small generative grammar: text files with word lists, tables, rules and passages -> English passages.

A grammar file holds blocks; a line that starts with # is a comment:

    list fruit: apples, pears, plums         words, separated by commas
    names girl: Anna, Maria                  first names (they fill the built-in table `person`)
    table animal: name; eats                 a table: column names, then one row per line, then `end`
    rule greeting:                           alternatives, one per line after "- "
    facts France                             sentences about a key, used by [!c.name]
    passage story 12:                        a start symbol and its weight

Inside a text: [x] is a random entry of list or rule x, or of the variable x; [x:v] also keeps it as v; {t:v} keeps a row of
table t as v without writing it; [v.col] is a column of that row; [t:v.col] does both; (a|b|) is a choice; [#2-9] a number;
[!v.col] a fact about the value. A column that a table lacks is derived: eats -> do3 of "do" (third person), plural with s.
Within one passage no list entry, row, alternative or fact is drawn twice while others are left.
"""
import glob
import os
import random
import re

VERB_IRREGULAR = {"have": "has", "do": "does", "go": "goes", "be": "is"}


def third_person(phrase):
    """"teach children" -> "teaches children"; also after " and " when a verb of the list below follows."""
    def one(v):
        if v in VERB_IRREGULAR:
            return VERB_IRREGULAR[v]
        if re.search(r"(s|sh|ch|x|z|o)$", v):
            return v + "es"
        if re.search(r"[^aeiou]y$", v):
            return v[:-1] + "ies"
        return v + "s"
    words = phrase.split(" ")
    words[0] = one(words[0])
    for i in range(1, len(words) - 1):
        if words[i] == "and" and words[i + 1] in ("sell", "clean", "write", "repair"):
            words[i + 1] = one(words[i + 1])
    return " ".join(words)


def plural(noun):
    if re.search(r"(s|sh|ch|x)$", noun):
        return noun + "es"
    if noun.endswith("man"):
        return noun[:-3] + "men"
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + "s"


UNITS = ("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
         "eighteen nineteen").split()
TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()


def number_word(n):
    if n < 20:
        return UNITS[n]
    if n < 100:
        return TENS[n // 10] + ("-" + UNITS[n % 10] if n % 10 else "")
    return "one hundred" if n == 100 else str(n)


class Grammar:
    def __init__(self, folder):
        self.lists, self.tables, self.rules, self.facts, self.passages = {}, {}, {}, {}, []
        names = {"girl": [], "boy": []}
        for path in sorted(glob.glob(os.path.join(folder, "*.txt"))):
            self._read(path, names)
        self.lists["girl"], self.lists["boy"] = names["girl"], names["boy"]
        person = []
        for n in names["girl"]:
            person.append({"name": n, "he": "she", "him": "her", "his": "her", "boy": "girl", "man": "woman"})
        for n in names["boy"]:
            person.append({"name": n, "he": "he", "him": "him", "his": "his", "boy": "boy", "man": "man"})
        self.tables["person"] = person
        self.cache = {}

    def _read(self, path, names):
        block, kind, cols = None, None, None
        for line in open(path, encoding="utf-8"):
            line = line.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            if line.startswith("- "):
                assert kind in ("rule", "facts", "passage"), (path, line)
                block.append(line[2:])
                continue
            if kind == "table":
                if line == "end":
                    kind = None
                    continue
                cells = [c.strip() for c in line.split(";")]
                assert len(cells) == len(cols), (path, line)
                block.append(dict(zip(cols, cells)))
                continue
            word, rest = line.split(" ", 1)
            if word == "facts":
                kind, block = "facts", self.facts.setdefault(rest.strip(), [])
                continue
            head, body = rest.split(":", 1)
            if word == "list":
                self.lists[head] = [body.strip()] if body.strip().startswith("#") else [w.strip() for w in body.split(",")]
                kind = None
            elif word == "names":
                names[head] += [w.strip() for w in body.split(",")]
                kind = None
            elif word == "table":
                kind, block, cols = "table", self.tables.setdefault(head, []), [c.strip() for c in body.split(";")]
            elif word == "rule":
                kind, block = "rule", self.rules.setdefault(head, [])
            elif word == "passage":
                name, weight = head.split()
                kind, block = "passage", []
                self.passages.append((name, float(weight), block))
            else:
                raise ValueError(f"{path}: {line}")

    # -- text -> nodes -------------------------------------------------------------------------------------------------
    def _parse(self, text):
        if text not in self.cache:
            nodes, i = self._seq(text, 0, "")
            assert i == len(text), text
            self.cache[text] = nodes
        return self.cache[text]

    def _seq(self, s, i, stop):
        out, lit = [], ""
        while i < len(s) and s[i] not in stop:
            ch = s[i]
            if ch in "[{":
                close = s.index("]" if ch == "[" else "}", i)
                out.append(lit)
                lit = ""
                out.append(("show" if ch == "[" else "keep", s[i + 1:close]))
                i = close + 1
            elif ch == "(":
                out.append(lit)
                lit = ""
                alts, i = [], i + 1
                while True:
                    alt, i = self._seq(s, i, "|)")
                    alts.append(alt)
                    i += 1
                    if s[i - 1] == ")":
                        break
                out.append(("alt", alts))
            else:
                lit += ch
                i += 1
        out.append(lit)
        return out, i

    # -- nodes -> text -------------------------------------------------------------------------------------------------
    def _pick(self, key, options, state):
        rng, used = state["rng"], state["used"].setdefault(key, set())
        for _ in range(12):
            k = rng.randrange(len(options))
            if k not in used:
                break
        used.add(k)
        return options[k]

    def _field(self, row, col):
        if col in row:
            return row[col]
        if col.endswith("3"):
            return third_person(row[col[:-1]])
        if col.endswith("s") and col[:-1] in row:
            return plural(row[col[:-1]])
        raise KeyError(col)

    def _value(self, name, state):
        v = state["vars"].get(name)
        if v is not None:
            return v
        if name in self.tables:
            return self._pick(name, self.tables[name], state)
        if name in self.lists:
            w = self._pick(name, self.lists[name], state)
            return self._show(w, state) if w.startswith("#") else w
        if name in self.rules:
            return self._expand(self._parse(self._pick(name, self.rules[name], state)), state)
        raise KeyError(name)

    def _arith(self, rng):
        op = rng.randrange(4)
        a, b = rng.randint(1, 20), rng.randint(1, 12)
        if op == 0:
            q, r = f"{number_word(a)} plus {number_word(b)}", a + b
        elif op == 1:
            a, b = max(a, b), min(a, b)
            q, r = f"{number_word(a)} minus {number_word(b)}", a - b
        elif op == 2:
            a, b = rng.randint(1, 10), rng.randint(1, 10)
            q, r = f"{number_word(a)} times {number_word(b)}", a * b
        else:
            b, r = rng.randint(1, 10), rng.randint(1, 10)
            q = f"{number_word(b * r)} divided by {number_word(b)}"
        return q, number_word(r)

    def _show(self, code, state):
        rng = state["rng"]
        if code.startswith("#"):
            lo, hi = code[1:].split("-")
            return str(rng.randint(int(lo), int(hi)))
        if code == "arith":
            q, r = self._arith(rng)
            return f"{q} is {r}."
        if code == "arithq":
            q, r = self._arith(rng)
            return f"{q}? {q} is {r}."
        if code == "count":
            a, n = rng.randint(1, 12), rng.randint(5, 12)
            words = [number_word(x) for x in range(a, a + n)]
            return rng.choice(["let us count: ", "the children count: ", "we can count like this: "]) + ", ".join(words) + "."
        if code.startswith("!"):
            v, col = code[1:].split(".")
            options = self.facts.get(self._field(state["vars"][v], col))
            used = state["used"].setdefault("!" + v, set())
            if not options or len(used) == len(options):
                return ""
            k = rng.choice([i for i in range(len(options)) if i not in used])
            used.add(k)
            return options[k]
        name, _, col = code.partition(".")
        name, _, var = name.partition(":")
        if ":" in col:  # [t:v.col] parsed above; nothing else may hold a colon
            raise ValueError(code)
        value = self._value(name, state)
        if var:
            state["vars"][var] = value
        return self._field(value, col) if col else value

    def _expand(self, nodes, state):
        out = []
        for n in nodes:
            if isinstance(n, str):
                out.append(n)
            elif n[0] == "alt":
                out.append(self._expand(state["rng"].choice(n[1]), state))
            elif n[0] == "keep":
                name, var = n[1].split(":")
                state["vars"][var] = self._value(name, state)
            else:
                out.append(self._show(n[1], state))
        return "".join(out)

    def passage(self, rng, name=None):
        if name is None:
            name = rng.choices(range(len(self.passages)), [p[1] for p in self.passages])[0]
        else:
            name = [p[0] for p in self.passages].index(name)
        topic, _, alts = self.passages[name]
        state = {"rng": rng, "vars": {}, "used": {}}
        return topic, tidy(self._expand(self._parse(rng.choice(alts)), state))


AN = re.compile(r"\b([Aa]) (?=([\"“]?)(?:[aeio]|u(?!ni|se|su|ti)|hour|honest|8|11\b|18\b|A[a-z]|E[a-z]|I[a-z]|O[a-z]))")
NOT_AN = re.compile(r"\b([Aa])n (?=(?:one\b|once|uni|use|eu|Eu))")


def tidy(text):
    """Spaces, a/an, capitals at the start of sentences and quotations."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r" ([.,!?])", r"\1", text)
    text = AN.sub(lambda m: m[1] + "n ", text)
    text = NOT_AN.sub(lambda m: m[1] + " ", text)
    text = re.sub(r"^(\"?)([a-zà-ÿ])", lambda m: m[1] + m[2].upper(), text)
    text = re.sub(r"([.!?]) (\"?)([a-zà-ÿ])", lambda m: f"{m[1]} {m[2]}{m[3].upper()}", text)   # after a sentence
    text = re.sub(r"([.]\") (\"?)([a-zà-ÿ])", lambda m: f"{m[1]} {m[2]}{m[3].upper()}", text)   # after "…."
    return text


if __name__ == "__main__":
    import sys
    g = Grammar(os.path.join(os.path.dirname(os.path.abspath(__file__)), "grammar"))
    rng = random.Random(int(sys.argv[1]) if len(sys.argv) > 1 else 0)
    for topic, _, _ in g.passages:
        for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 3):
            print(f"{topic}: {g.passage(rng, topic)[1]}")
