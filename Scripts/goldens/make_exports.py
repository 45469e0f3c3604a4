"""What transformers computes from exported models: random weights of every configuration beside the goldens, and the small
checkpoints of three families (make_families.py), converted to latent attention.

Run as Scripts/goldens/README.md says, with the folder of our programs. Writes exports.json and converted.json in
Tests/ExportTests/Goldens.
"""
import hashlib, json, os, random, subprocess, sys, tempfile
import numpy
from safetensors.numpy import load_file, save_file
from transformers_logits import answer

FOLDER = os.path.join(os.path.dirname(__file__), "../../Tests/ExportTests/Goldens")
PROGRAMS = sys.argv[1]
SHOWN = 12
FAMILIES = os.path.join(os.path.dirname(__file__), "../../Tests/Goldens/families")
CONVERSION = ["--kv-rank", "12", "--q-rank", "16", "--rope-dim", "4", "--nope-dim", "4"]


def run(program, *arguments):
    subprocess.run([os.path.join(PROGRAMS, program), *arguments], check=True, stdout=subprocess.DEVNULL)


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


def asked(exported, name):
    """What transformers answers for ids drawn by the name."""
    config = json.load(open(os.path.join(exported, "config.json")))
    draw = random.Random(name)
    ids = [draw.randrange(config["vocab_size"]) for _ in range(70)]
    result = answer(exported, ids, 16)
    print(name, result["class"])
    return {
        "ids": ids, "class": result["class"], "greedy": result["greedy"],
        "logits": [[float(f"{x:.6g}") for x in row] for row in result["logits"][-SHOWN:]]}


results = {}
for file in sorted(os.listdir(FOLDER)):
    if not file.endswith(".config.json"):
        continue
    name = file.removesuffix(".config.json")
    with tempfile.TemporaryDirectory() as scratch:
        model, exported = os.path.join(scratch, "model"), os.path.join(scratch, name.replace("-", "_"))
        run("hybrid", "create", "--config", os.path.join(FOLDER, file), "--dtype", "float32", "--out", model)
        weights = load_file(os.path.join(model, "model.safetensors"))
        # Sixteen times the usual deviation: attention looks somewhere.
        weights = {key: value * numpy.float32(16 if value.ndim == 2 or ".experts." in key else 1) for key, value in weights.items()}
        save_file(weights, os.path.join(model, "model.safetensors"), metadata={"format": "pt"})
        run("hybrid", "export", "--model", model, "--format", "transformers", "--out", exported)
        results[name] = asked(exported, name) | {
            "sha256": {part: digest(os.path.join(exported, part)) for part in ("config.json", "model.safetensors")}}
with open(os.path.join(FOLDER, "exports.json"), "w") as out:
    json.dump(results, out, separators=(",", ":"), sort_keys=True)

converted = {}
for name in ("qwen2", "mistral", "smollm3"):
    with tempfile.TemporaryDirectory() as scratch:
        model, exported = os.path.join(scratch, "model"), os.path.join(scratch, name)
        run("xecomla", "convert", "--model", os.path.join(FAMILIES, name), *CONVERSION, "--out", model)
        run("hybrid", "export", "--model", model, "--format", "transformers", "--out", exported)
        converted[name] = asked(exported, name)
with open(os.path.join(FOLDER, "converted.json"), "w") as out:
    json.dump(converted, out, separators=(",", ":"), sort_keys=True)
