"""How the team deploys today: the platforms whose files are there, and commands of the team's own (pure)."""

from __future__ import annotations

import re
import shlex

from penstock.scaffold.detect_node import runner
from penstock.scaffold.findings import Build, Check, Command, Deploy, Findings, Seen, command
from penstock.scaffold.tree import Tree, table, word

_SAM = re.compile(r"^[\"']?Transform[\"']?:.*AWS::Serverless|^[ \t]+-[ \t]*[\"']?AWS::Serverless-", re.MULTILINE)
_STACK = re.compile(r"^[\"']?Resources[\"']?:", re.MULTILINE)
_NAMED = re.compile(r"[a-z][a-z0-9-]{0,38}")
_COMMENTS = re.compile(r'("(?:\\.|[^"\\\n])*")|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_MAKE = re.compile(r"^(deploy)\s*:(?!=)", re.MULTILINE)
_BACKEND = re.compile(r"^[ \t]*(?:backend[ \t]+\"|cloud\s*\{)", re.MULTILINE)
_APPLIED = "terraform {0}init -input=false && terraform {0}apply -input=false -auto-approve{1}"


def detect(tree: Tree) -> Findings:
    """The platforms, each with the commands that its own tool has for it."""
    found = [part for part in (_sam(tree), _serverless(tree), _workers(tree), _stack(tree), _terraform(tree)) if part]
    deploys = [deploy for part in found for deploy in part.deploys]
    return Findings(
        languages=tuple(Seen(deploy.platform, deploy.where) for deploy in deploys),
        names=tuple(name for part in found for name in part.names),
        builds=tuple(build for part in found for build in part.builds),
        checks=tuple(check for part in found for check in part.checks),
        prepares=tuple(one for part in found for one in part.prepares),
        deploys=tuple(deploys),
    )


def own_commands(tree: Tree) -> Findings:
    """A way to deploy that the team wrote down itself: in its Makefile, package.json, or a script."""
    line, where = "", ""
    makefile = tree.first("Makefile", "makefile")
    if _MAKE.search(tree.text(makefile)):
        line, where = "make deploy", f"{makefile}: deploy"
    elif word(table(tree.json("package.json"), "scripts").get("deploy")):
        line, where = f"{runner(tree)} deploy", "package.json: scripts.deploy"
    elif path := tree.first("deploy.sh", "scripts/deploy.sh", "bin/deploy.sh", "deploy/deploy.sh"):
        line, where = f"./{path}" if tree.text(path).startswith("#!") else f"sh {path}", path
    run = command(line)
    return Findings(deploys=(Deploy("your own command", run, where, "evident"),)) if run else Findings()


def _sam(tree: Tree) -> Findings | None:
    path = next((p for p in tree.matching("template.y*ml") if _SAM.search(tree.text(p))), "")
    if not path or "/" in path:
        return None
    config = tree.toml("samconfig.toml")
    stages = _names(name for name in config if table(config, name, "deploy", "parameters"))
    options = "" if config else " --stack-name SERVICE-$PENSTOCK_ENVIRONMENT --capabilities CAPABILITY_IAM --resolve-s3"
    options += " --config-env $PENSTOCK_ENVIRONMENT" if stages else ""
    line = f"sam deploy --no-confirm-changeset --no-fail-on-empty-changeset{options}"
    notes = () if config else ("whether this is the stack's name: no samconfig.toml was seen",)
    where = f"{path}; samconfig.toml" if config else path
    return Findings(
        builds=(Build(path, Command("sam build")),),
        checks=(Check("template", Command("sam validate --lint"), path),),
        deploys=(Deploy("AWS SAM", Command(line), where, "platform", stages, notes),),
    )


def _serverless(tree: Tree) -> Findings | None:
    path = tree.first("serverless.yml", "serverless.yaml")
    if not path:
        return None
    name = re.search(r"^service:\s*([\w-]+)\s*$", tree.text(path), re.MULTILINE)
    needed = tree.json("package.json")
    local = any("serverless" in table(needed, key) for key in ("dependencies", "devDependencies"))
    line = f"{'npx serverless' if local else 'serverless'} deploy --stage $PENSTOCK_ENVIRONMENT"
    below = re.search(r"^params:\n((?:[ \t]+.*\n|\n)*)", tree.text(path), re.MULTILINE)
    stages = _names(re.findall(r"^  ([a-z][\w-]*):\s*$", below[1], re.MULTILINE) if below else ())
    return Findings(
        names=(Seen(name[1], f"{path}: service"),) if name else (),
        deploys=(
            Deploy("Serverless Framework", Command(line), path, "platform", tuple(s for s in stages if s != "default")),
        ),
    )


def _workers(tree: Tree) -> Findings | None:
    path = tree.first("wrangler.toml", "wrangler.jsonc", "wrangler.json")
    if not path:
        return None
    config = tree.toml(path) if path.endswith(".toml") else _jsonc(tree, path)
    stages = _names(table(config, "env"))
    is_pages = bool(config.get("pages_build_output_dir"))
    line = f"npx wrangler {'pages deploy' if is_pages else 'deploy'}" + (
        " --env $PENSTOCK_ENVIRONMENT" if stages else ""
    )
    databases = config.get("d1_databases")
    first = databases[0] if isinstance(databases, list) and databases and isinstance(databases[0], dict) else {}
    migrate = command(f"npx wrangler d1 migrations apply {word(first.get('database_name'))} --remote")
    has = word(first.get("database_name")) and tree.below(word(first.get("migrations_dir")) or "migrations")
    name = word(config.get("name"))
    return Findings(
        names=(Seen(name, f"{path}: name"),) if name else (),
        prepares=(Check("migrate", migrate, f"{path}: d1_databases"),) if has and migrate else (),
        deploys=(Deploy("Cloudflare Workers", Command(line), path, "platform", stages),),
    )


def _jsonc(tree: Tree, path: str) -> dict[str, object]:
    """JSON with comments and commas at its ends."""
    plain = _COMMENTS.sub(lambda found: found[1] or "", tree.text(path))
    return Tree("", (), {path: re.sub(r",(\s*[}\]])", r"\1", plain)}).json(path)


def _stack(tree: Tree) -> Findings | None:
    found = tree.matching("template.y*ml", "cloudformation*.y*ml", "*.template.y*ml")
    path = next((p for p in found if "AWSTemplateFormatVersion" in tree.text(p) and _STACK.search(tree.text(p))), "")
    if not path or _SAM.search(tree.text(path)):
        return None
    may = " --capabilities CAPABILITY_NAMED_IAM" if "AWS::IAM::" in tree.text(path) else ""
    line = command(
        f"aws cloudformation deploy --template-file {shlex.quote(path)} --no-fail-on-empty-changeset{may}"
        " --stack-name SERVICE-$PENSTOCK_ENVIRONMENT"
    )
    notes = ("whether this is the stack's name, which was seen nowhere",)
    return Findings(deploys=(Deploy("CloudFormation", line, path, "platform", (), notes),)) if line else None


def _terraform(tree: Tree) -> Findings | None:
    folders = [p.rpartition("/")[0] for p in tree.matching("*.tf") if "modules/" not in p and p in tree.texts]
    if not folders:
        return None
    folder = next((f for f in folders if _BACKEND.search(_text(tree, f))), folders[0])
    here = f"-chdir={shlex.quote(folder)} " if folder else ""
    files = [
        p for p in tree.matching("*.tfvars") if p.rpartition("/")[0] == folder and not p.endswith("terraform.tfvars")
    ]
    stages = _names(p.rpartition("/")[2].removesuffix(".tfvars") for p in files if not p.endswith(".auto.tfvars"))
    line = command(_APPLIED.format(here, " -var-file=$PENSTOCK_ENVIRONMENT.tfvars" if stages else ""))
    valid = command(f"terraform {here}init -backend=false -input=false && terraform {here}validate")
    if line is None or valid is None:
        return None
    lost = (
        "no backend was seen: Terraform's state would lie in the build's folder and be lost with it; give it one first"
    )
    notes = () if _BACKEND.search(_text(tree, folder)) else (lost,)
    where = f"{folder}/*.tf" if folder else "*.tf"
    formatted = Command(f"terraform {here}fmt -check -recursive")
    return Findings(
        checks=(Check("terraform-format", formatted, where), Check("terraform-valid", valid, where)),
        deploys=(Deploy("Terraform", line, where, "whole", stages, notes),),
    )


def _text(tree: Tree, folder: str) -> str:
    return "\n".join(tree.text(p) for p in tree.matching("*.tf") if p.rpartition("/")[0] == folder)


def _names(names: object) -> tuple[str, ...]:
    """Those that may be names of environments, at most eight."""
    found = [name for name in (names if hasattr(names, "__iter__") else ()) if isinstance(name, str)]
    return tuple(dict.fromkeys(name for name in found if _NAMED.fullmatch(name) and name != "default"))[:8]
