#!/usr/bin/env python3
"""Compare two compose files in meaning, by `docker compose config --format json`.

  config_diff.py A.yml[,override.yml...] B.yml [options]

Both are resolved with the same project directory (that of A unless given), the same
.env and all profiles on, so that relative paths, variables and disabled services
compare alike. A difference that no container could show is not reported:
list order where it has no meaning, the defaults that config leaves out
(depends_on.required, bind.create_host_path without a bind block, secret and config
targets, a ulimit whose soft and hard are one number, empty blocks), and x- keys.

  --project-directory D   default: the folder of the first file of A
  --b-directory D         project directory of B, where it differs (a rendered file in generated/)
  --env-file F            as docker compose's; may be repeated
  --b-env-file F          in place of it for B; may be repeated
  --no-interpolate        compare the text of ${...} too, in place of values
  --both                  run the comparison twice, with and without interpolation
  --extensions            compare x- keys too
  --loose                 also hold scale = deploy.replicas, cpus/mem_limit/
                          mem_reservation/pids_limit = deploy.resources, and
                          restart = deploy.restart_policy
  --no-profiles           only the services that are on by default
  --ignore-name           do not compare the project name (and names made from it)
  --compose PATH          a docker-compose binary (peers.sh), in place of `docker compose`;
                          also from the environment variable COMPOSE
  --many FILE             compare many pairs, a few at a time: each line of FILE is a JSON object of `name`, `a`, `b`
                          and options by their long names with _ for -; those of the command line hold for all.
                          Pairs that are equal print nothing
Exit status: 0 equal, 1 different, 2 one of the files is not accepted.
python3, standard library only.
"""
import argparse
import concurrent.futures
import json
import os
import subprocess
import sys

SETS = {"cap_add", "cap_drop", "expose", "group_add", "links", "external_links", "profiles",
        "security_opt", "device_cgroup_rules", "volumes_from", "aliases", "link_local_ips",
        "ports", "volumes", "devices", "secrets", "configs", "tmpfs", "extra_hosts",
        "capabilities", "tags", "platforms", "constraints", "watch_ignore"}

# What an empty bind block of `config` means: 2.x leaves out false, and later ones true.
EMPTY_BIND_CREATES = False


def generation(args):
    cmd = [args.compose] if args.compose else [args.docker, "compose"]
    p = subprocess.run([*cmd, "version", "--short"], capture_output=True, text=True)
    return p.stdout.strip().lstrip("v").split(".")[0]


class NotAccepted(Exception):
    pass


def load(args, spec, interpolate, directory=None, env_files=None):
    files = spec.split(",")
    compose = [args.compose] if args.compose else [args.docker, "compose"]
    cmd = [*compose, "--project-directory", directory or args.project_directory]
    for f in files:
        cmd += ["-f", f]
    for f in env_files or args.env_file or []:
        cmd += ["--env-file", f]
    if not args.no_profiles:
        cmd += ["--profile", "*"]
    cmd += ["config", "--format", "json"]
    if not interpolate:
        cmd.append("--no-interpolate")
    p = subprocess.run(cmd, capture_output=True, text=True)
    if p.returncode:
        err = [l for l in p.stderr.splitlines() if "level=warning" not in l]
        raise NotAccepted(f"{spec}: not accepted: {' '.join(err)}")
    return json.loads(p.stdout)


def key(x):
    return json.dumps(x, sort_keys=True)


def empty(v):
    return v is None or v == {} or v == []


def service(s, loose):
    s = dict(s)
    for k in ("command", "entrypoint"):
        if k in s and s[k] is None:
            del s[k]
    if s.get("attach") is True:
        del s["attach"]
    dep = s.get("depends_on")
    if isinstance(dep, list):
        dep = {d: {"condition": "service_started"} for d in dep}
    if isinstance(dep, dict):
        s["depends_on"] = {k: dict({"required": True, "restart": False, "condition": "service_started"}, **(v or {}))
                           for k, v in dep.items()}
    nets = s.get("networks")
    if isinstance(nets, list):
        nets = {n: None for n in nets}
    if isinstance(nets, dict):
        s["networks"] = {k: (v or {"(attached)": True}) for k, v in nets.items()}
    models = s.get("models")
    if isinstance(models, dict):
        s["models"] = {k: (v or {"(used)": True}) for k, v in models.items()}
    vols = []
    for v in s.get("volumes") or []:
        if isinstance(v, dict):
            v = dict(v)
            if v.get("type") == "bind":
                b = v.get("bind")
                b = {"create_host_path": True} if b is None else dict(b)
                b.setdefault("create_host_path", EMPTY_BIND_CREATES)
                v["bind"] = b
            for k in ("volume", "tmpfs", "image"):
                if k in v and not v[k]:
                    del v[k]
        vols.append(v)
    if vols:
        s["volumes"] = vols
    for k, base in (("secrets", "/run/secrets/"), ("configs", "/")):
        refs = []
        for r in s.get(k) or []:
            r = {"source": r} if isinstance(r, str) else dict(r)
            t = r.get("target") or r["source"]
            r["target"] = t if t.startswith("/") else base + t
            refs.append(r)
        if refs:
            s[k] = refs
    for name, u in (s.get("ulimits") or {}).items():
        if isinstance(u, dict) and u.get("soft") == u.get("hard"):
            s["ulimits"][name] = u.get("soft")
    if "healthcheck" in s and not s["healthcheck"]:
        del s["healthcheck"]
    if s.get("scale") in (1, "1"):
        del s["scale"]
    if loose:
        d = json.loads(key(s.get("deploy") or {}))
        if "replicas" in d:
            s.setdefault("scale", d.pop("replicas"))
        lim = (d.get("resources") or {}).get("limits") or {}
        res = (d.get("resources") or {}).get("reservations") or {}
        for src, dst, at in (("cpus", "cpus", lim), ("memory", "mem_limit", lim),
                             ("pids", "pids_limit", lim), ("memory", "mem_reservation", res)):
            if src in at:
                s.setdefault(dst, at[src])
                del at[src]
        rp = d.pop("restart_policy", None)
        if rp:
            c = {"none": "no", "any": "always"}.get(rp.get("condition", ""), rp.get("condition", ""))
            n = rp.get("max_attempts")
            s["restart"] = f"{c}:{n}" if n else c
        s["deploy"] = d
    return s


def canon(x, args, k=""):
    if isinstance(x, dict):
        out = {}
        for a, b in x.items():
            if a.startswith("x-") and not args.extensions and k not in ("environment", "labels", "args"):
                continue
            out[a] = canon(b, args, a)
        return {a: b for a, b in out.items()
                if not (b == {} or b == []) or a in ("command", "entrypoint")}
    if isinstance(x, list):
        xs = [canon(v, args, k) for v in x]
        if k in SETS:
            xs = sorted(xs, key=key)
        return xs
    return x


def model(m, args):
    m = dict(m)
    m["services"] = {n: service(s, args.loose) for n, s in (m.get("services") or {}).items()}
    if args.ignore_name:
        name = m.pop("name", "")
        for kind in ("networks", "volumes", "configs", "secrets"):
            for n, r in (m.get(kind) or {}).items():
                if r and r.get("name") == f"{name}_{n}":
                    r["name"] = f"<project>_{n}"
    return canon(m, args)


def walk(a, b, path, out):
    if isinstance(a, dict) and isinstance(b, dict):
        for k in sorted(set(a) | set(b)):
            walk(a.get(k, "<absent>"), b.get(k, "<absent>"), f"{path}.{k}" if path else k, out)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for i, (x, y) in enumerate(zip(a, b)):
            walk(x, y, f"{path}[{i}]", out)
    elif isinstance(a, list) and isinstance(b, list):
        only_a = [x for x in a if x not in b]
        only_b = [x for x in b if x not in a]
        out.append((path, only_a, only_b) if only_a or only_b else (path, a, b))
    elif a != b or type(a) is not type(b):
        if isinstance(a, (int, float)) and isinstance(b, (int, float)) and a == b \
                and not isinstance(a, bool) and not isinstance(b, bool):
            return
        out.append((path, a, b))


def compare(args):
    """The exit status, and what to print."""
    if not args.project_directory:
        args.project_directory = os.path.dirname(os.path.abspath(args.a.split(",")[0]))
    rc, told = 0, []
    for interpolate in ([True, False] if args.both else [not args.no_interpolate]):
        out = []
        try:
            a = load(args, args.a, interpolate)
            b = load(args, args.b, interpolate, args.b_directory, args.b_env_file)
        except NotAccepted as error:
            return 2, [str(error)]
        walk(model(a, args), model(b, args), "", out)
        if args.json:
            told.append(json.dumps([{"at": p, "a": x, "b": y} for p, x, y in out], indent=1))
        else:
            for p, x, y in out:
                told.append(f"{p}\n  A: {json.dumps(x, sort_keys=True)}\n  B: {json.dumps(y, sort_keys=True)}")
            told.append(f"{len(out)} differences" + ("" if interpolate else " (not interpolated)"))
        rc = rc or (1 if out else 0)
    return rc, told


def compare_many(args):
    with open(args.many) as lines:
        pairs = [argparse.Namespace(**{**vars(args), **json.loads(line)}) for line in lines]
    worst = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for pair, (rc, told) in zip(pairs, pool.map(compare, pairs)):
            worst = max(worst, rc)
            if rc:
                print(f"{pair.name}:", *told, sep="\n")
    print(f"{len(pairs)} pairs compared")
    return worst


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("a", nargs="?")
    ap.add_argument("b", nargs="?")
    ap.add_argument("--docker", default="docker")
    ap.add_argument("--compose", default=os.environ.get("COMPOSE"))
    ap.add_argument("--project-directory")
    ap.add_argument("--env-file", action="append")
    ap.add_argument("--b-env-file", action="append")
    ap.add_argument("--b-directory")
    ap.add_argument("--many")
    for f in ("--no-interpolate", "--both", "--extensions", "--loose", "--no-profiles", "--ignore-name", "--json"):
        ap.add_argument(f, action="store_true")
    args = ap.parse_args()
    if not args.many and not (args.a and args.b):
        ap.error("two files to compare, or --many")
    global EMPTY_BIND_CREATES
    EMPTY_BIND_CREATES = generation(args) not in ("1", "2")
    if args.many:
        return compare_many(args)
    rc, told = compare(args)
    print(*told, sep="\n", file=sys.stderr if rc == 2 else sys.stdout)
    return rc


if __name__ == "__main__":
    sys.exit(main())
