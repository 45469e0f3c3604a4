"""What lm-evaluation-harness gives for tasks of our own in the forms of published ones, on a committed teacher.

Run as Scripts/goldens/README.md says. Writes Tests/PublishedTasksTests/Goldens/tasks: data, tasks and results.json.
"""
import json, os, random, sys
os.environ.setdefault("HF_HUB_OFFLINE", "1")
ROOT = os.path.abspath(os.path.join(os.path.dirname(__file__), "../.."))
FOLDER = os.path.join(ROOT, "Tests/PublishedTasksTests/Goldens/tasks")
TEACHER = "experiments/teachers/nano-1b-seed1"
draw = random.Random(20)

PEOPLE = "Anna Ben Clara David Emma Felix Greta Hugo Ida Jonas".split()
THINGS = "key book lamp cup ball coat map ring box rope".split()
PLACES = "garden kitchen harbour market school library barn tower cellar mill".split()
COLOURS = "red blue green yellow black white brown grey".split()
ODD = ["Zürich", "café", "мост", "東京", "naïve", "ÅÄÖ"]  # lengths in characters and bytes differ


def write(name, text):
    os.makedirs(os.path.dirname(os.path.join(FOLDER, name)), exist_ok=True)
    with open(os.path.join(FOLDER, name), "w", encoding="utf-8") as file:
        file.write(text)


def lines(name, rows):
    write(name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def places(count):
    return draw.sample(PLACES, count - 1) + [draw.choice(ODD + PLACES[:2])]


def science(index):
    person, thing, colour, options = draw.choice(PEOPLE), draw.choice(THINGS), draw.choice(COLOURS), places(4)
    draw.shuffle(options)
    right = draw.randrange(4)
    return {
        "id": f"Q{index}", "question": f"{person} put the {colour} {thing} into the {options[right]}. Where is the {thing}?",
        "choices": {"text": [f"in the {option}" for option in options], "label": list("ABCD")}, "answerKey": "ABCD"[right]}


def pronoun(index):
    a, b = draw.sample(THINGS, 2)
    person, right = draw.choice(PEOPLE), draw.randrange(2)
    return {
        "sentence": f"The {a} did not fit into the bag of {person}, because the _ was too large. ", "option1": a, "option2": b,
        "answer": str(right + 1)}


def story(index):
    person, place, thing = draw.choice(PEOPLE), draw.choice(PLACES), draw.choice(THINGS)
    endings = [f"takes the {thing} [step]  and goes home.", f"sells the {draw.choice(ODD)} to the sea.", "sleeps. [title] Rain", f"{thing} {thing}."]
    draw.shuffle(endings)
    return {
        "activity_label": f"Looking for a {thing}", "ctx_a": f"{person} walks to the {place}. [header] It is late.",
        "ctx_b": draw.choice(["she", "the MILLER", ""]), "endings": endings, "label": str(draw.randrange(4))}


def goal(index):
    thing, place, right = draw.choice(THINGS), draw.choice(PLACES), draw.randrange(2)
    options = [f"Put the {thing} into the {place}.", f"Throw the {draw.choice(ODD)} away"]
    return {"goal": f"How to keep a {thing} safe", "sol1": options[right], "sol2": options[1 - right], "label": right}


def fact(index):
    colour, thing = draw.choice(COLOURS), draw.choice(THINGS)
    options = draw.sample(COLOURS, 4)
    return {"question": f" Which colour has the {colour} {thing}? ", "choices": options, "answer": draw.randrange(4)}


def problem(index):
    a, b = draw.randrange(2, 40), draw.randrange(2, 40)
    person, thing = draw.choice(PEOPLE), draw.choice(THINGS)
    return {
        "question": f"{person} has {a} {thing}s and gets {b} more. How many {thing}s are there?",
        "answer": f"{a} + {b} = {a + b}.\n#### {a + b:,}"}


def exam(index):
    person, place, other = draw.choice(PEOPLE), *draw.sample(PLACES, 2)
    problems = [
        {"question": f"{person} lives in the  _  .", "answer": "B", "options": [other, place, "sea", "sky"]},
        {"question": f"Where does {person} live?", "answer": "A", "options": [f"In the {place}.", f"In the {other}.", "Here.", "It's nowhere."]},
        {"question": "The house stands in the", "answer": draw.choice("ABCD"), "options": draw.sample(PLACES, 4)}]
    return {"article": f"{person} has a house in the {place}, said {person}'s friend.", "problems": repr(problems)}


METRICS = "metric_list:\n" + "".join(f"  - metric: {m}\n    aggregation: mean\n    higher_is_better: true\n" for m in ("acc", "acc_norm", "acc_bytes"))


def task(name, *, splits, body, metrics=METRICS):
    files = "".join(f"    {split}: {name}/{split}.jsonl\n" for split in splits)
    write(f"{name}.yaml", f"task: {name}\ndataset_path: json\ndataset_kwargs:\n  data_files:\n{files}{body}{metrics}metadata:\n  version: 1.0\n")


def make():
    for name, maker, splits in [
        ("science", science, {"train": 30, "test": 60}), ("pronoun", pronoun, {"train": 12, "validation": 40}),
        ("story", story, {"train": 60, "validation": 40}), ("goal", goal, {"train": 25, "validation": 40}),
        ("fact", fact, {"dev": 5, "test": 30}), ("sums", problem, {"train": 30, "test": 12}), ("exam", exam, {"test": 20})]:
        for split, count in splits.items():
            lines(f"{name}/{split}.jsonl", [maker(index) for index in range(count)])
    choice = "output_type: multiple_choice\n"
    task("science", splits=["train", "test"], body=choice + 'training_split: train\ntest_split: test\ndoc_to_text: "Question: {{question}}\\nAnswer:"\ndoc_to_target: "{{choices.label.index(answerKey)}}"\ndoc_to_choice: "{{choices.text}}"\n')
    task("pronoun", splits=["train", "validation"], body=choice + "training_split: train\nvalidation_split: validation\ndoc_to_text: !function preprocess_winogrande.doc_to_text\ndoc_to_target: !function preprocess_winogrande.doc_to_target\ndoc_to_choice: !function preprocess_winogrande.doc_to_choice\n")
    task("story", splits=["train", "validation"], body=choice + 'training_split: train\nvalidation_split: validation\ntest_split: null\nprocess_docs: !function utils.process_docs\ndoc_to_text: "{{query}}"\ndoc_to_target: "{{label}}"\ndoc_to_choice: "choices"\n')
    task("goal", splits=["train", "validation"], body=choice + 'training_split: train\nvalidation_split: validation\ntest_split: null\ndoc_to_text: "Question: {{goal}}\\nAnswer:"\ndoc_to_target: label\ndoc_to_choice: "{{[sol1, sol2]}}"\n')
    write("template_yaml", choice + 'test_split: test\nfewshot_split: dev\nfewshot_config:\n  sampler: first_n\ndoc_to_text: "{{question.strip()}}\\nA. {{choices[0]}}\\nB. {{choices[1]}}\\nC. {{choices[2]}}\\nD. {{choices[3]}}\\nAnswer:"\ndoc_to_choice: ["A", "B", "C", "D"]\ndoc_to_target: answer\n')
    task("fact", splits=["dev", "test"], body='include: template_yaml\n"description": "The following are multiple choice questions (with answers) about colours.\\n\\\n  \\n"\n')
    task("exam", splits=["test"], body=choice + "test_split: test\ndoc_to_text: !function preprocess_race.doc_to_text\ndoc_to_target: !function preprocess_race.doc_to_target\ndoc_to_choice: !function preprocess_race.doc_to_choice\n")
    task(
        "sums", splits=["train", "test"], body='output_type: generate_until\ntraining_split: train\nfewshot_split: train\ntest_split: test\ndoc_to_text: "Question: {{question}}\\nAnswer:"\ndoc_to_target: "{{answer}}"\ngeneration_kwargs:\n  until:\n    - "Question:"\n    - "</s>"\n  do_sample: false\n  temperature: 0.0\n  max_gen_toks: 40\nrepeats: 1\nnum_fewshot: 4\nfilter_list:\n  - name: "strict-match"\n    filter:\n      - function: "regex"\n        regex_pattern: "#### (\\\\-?[0-9\\\\.\\\\,]+)"\n      - function: "take_first"\n  - name: "flexible-extract"\n    filter:\n      - function: "regex"\n        group_select: -1\n        regex_pattern: "(-?[$0-9.,]{2,})|(-?[0-9]+)"\n      - function: "take_first"\n',
        metrics='metric_list:\n  - metric: exact_match\n    aggregation: mean\n    higher_is_better: true\n    ignore_case: true\n    ignore_punctuation: false\n    regexes_to_ignore:\n      - ","\n      - "\\\\$"\n      - "(?s).*#### "\n      - "\\\\.$"\n')


# The functions that those tasks name, for the harness alone.
MODULES = {
    "preprocess_winogrande.py": '''
def doc_to_text(doc): return int(doc["answer"]) - 1
def doc_to_target(doc): return doc["sentence"].split("_", 1)[1].strip()
def doc_to_choice(doc): return [doc["sentence"].split("_", 1)[0] + doc[key] for key in ("option1", "option2")]
''',
    "preprocess_race.py": '''
import ast
def problems(doc): return ast.literal_eval(doc["problems"])
def answer(p): return p["options"]["ABCD".index(p["answer"])]
def doc_to_text(doc):
    text = "Article: " + doc["article"] + "\\n\\n"
    for p in problems(doc)[:-1]:
        blank = p["question"].endswith("  _  .")
        text += (p["question"][:-5] + answer(p) if blank else "Question: " + p["question"] + "\\nAnswer: " + answer(p)) + "\\n"
    return text + problems(doc)[-1]["question"]
def doc_to_choice(doc): return problems(doc)[-1]["options"][:4]
def doc_to_target(doc): return "ABCD".index(problems(doc)[-1]["answer"])
''',
    "utils.py": '''
import re
def clean(text): return re.sub("\\\\[.*?\\\\]", "", text.strip().replace(" [title]", ". ")).replace("  ", " ")
def process_docs(docs):
    return docs.map(lambda d: {"query": clean(d["activity_label"] + ": " + d["ctx_a"] + " " + d["ctx_b"].capitalize()),
        "choices": [clean(e) for e in d["endings"]], "gold": int(d["label"])})
''',
}


def run():
    import shutil, tempfile
    import torch
    from lm_eval import simple_evaluate
    from lm_eval.models.huggingface import HFLM
    from lm_eval.tasks import TaskManager
    torch.set_num_threads(1)
    results = {}
    with tempfile.TemporaryDirectory() as copy:
        shutil.copytree(FOLDER, copy, dirs_exist_ok=True)
        for name, source in MODULES.items():
            open(os.path.join(copy, name), "w").write(source)
        os.chdir(copy)
        manager = TaskManager(include_path=copy, include_defaults=False)
        for bos, shots, names in [
            (True, None, ["science", "pronoun", "story", "goal", "fact", "exam", "sums"]),
            (False, None, ["science"]), (True, 3, ["science", "pronoun", "story", "goal", "fact"]), (True, 6, ["science", "goal"])]:
            model = HFLM(pretrained=os.path.join(ROOT, TEACHER), dtype="float32", device="cpu", batch_size=8, add_bos_token=bos, max_length=512)
            out = simple_evaluate(model=model, tasks=names, num_fewshot=shots, task_manager=manager, log_samples=True, bootstrap_iters=0)
            for name in names:
                samples = [s for s in out["samples"][name] if s["filter"] in ("none", "strict-match")]
                samples.sort(key=lambda s: s["doc_id"])
                entry = {"scores": {k: v for k, v in out["results"][name].items() if "," in k and isinstance(v, (int, float))}, "shots": out["n-shot"][name]}
                if name == "sums":
                    entry["answers"] = [s["resps"][0][0] for s in samples]
                else:
                    entry["logLikelihoods"] = [[round(float(r[0][0]), 4) for r in s["resps"]] for s in samples]
                    entry["acc"] = [[int(s[m]) for m in ("acc", "acc_norm", "acc_bytes") ] for s in samples]
                results[f"{name}, {'bos' if bos else 'no bos'}, {'own' if shots is None else shots} shots"] = entry
    with open(os.path.join(FOLDER, "results.json"), "w") as file:
        json.dump(results, file, indent=None, separators=(",", ":"), sort_keys=True)


make()
if "--data-only" not in sys.argv:
    run()
