"""What transformers computes from exported models: random weights of every configuration beside the goldens.

Run as Scripts/goldens/README.md says, with the folder of our programs. Writes Tests/ExportTests/Goldens/exports.json.
"""
import hashlib, json, os, random, subprocess, sys, tempfile
import numpy
from safetensors.numpy import load_file, save_file
from transformers_logits import answer

FOLDER = os.path.join(os.path.dirname(__file__), "../../Tests/ExportTests/Goldens")
PROGRAMS = sys.argv[1]
SHOWN = 12


def hybrid(*arguments):
    subprocess.run([os.path.join(PROGRAMS, "hybrid"), *arguments], check=True, stdout=subprocess.DEVNULL)


def digest(path):
    return hashlib.sha256(open(path, "rb").read()).hexdigest()


results = {}
for file in sorted(os.listdir(FOLDER)):
    if not file.endswith(".config.json"):
        continue
    name = file.removesuffix(".config.json")
    with tempfile.TemporaryDirectory() as scratch:
        model, exported = os.path.join(scratch, "model"), os.path.join(scratch, name.replace("-", "_"))
        hybrid("create", "--config", os.path.join(FOLDER, file), "--dtype", "float32", "--out", model)
        weights = load_file(os.path.join(model, "model.safetensors"))
        # Sixteen times the usual deviation: attention looks somewhere.
        weights = {key: value * numpy.float32(16 if value.ndim == 2 or ".experts." in key else 1) for key, value in weights.items()}
        save_file(weights, os.path.join(model, "model.safetensors"), metadata={"format": "pt"})
        hybrid("export", "--model", model, "--format", "transformers", "--out", exported)
        config = json.load(open(os.path.join(exported, "config.json")))
        draw = random.Random(name)
        ids = [draw.randrange(config["vocab_size"]) for _ in range(70)]
        result = answer(exported, ids, 16)
        results[name] = {
            "ids": ids, "class": result["class"], "greedy": result["greedy"],
            "logits": [[float(f"{x:.6g}") for x in row] for row in result["logits"][-SHOWN:]],
            "sha256": {part: digest(os.path.join(exported, part)) for part in ("config.json", "model.safetensors")}}
        print(name, result["class"])
with open(os.path.join(FOLDER, "exports.json"), "w") as out:
    json.dump(results, out, separators=(",", ":"), sort_keys=True)
