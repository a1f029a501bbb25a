"""Honest applications of the assistant, among them those that resemble attacks."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from traffic.assistant import Assistant, Prompt, TextService, question

Rng = np.random.Generator
TextBehaviour = Callable[[TextService, Rng], None]


def sentence(world: Assistant, rng: Rng) -> str:
    """A sentence of the documentation."""
    return world.sentences[rng.integers(len(world.sentences))]


def passage(world: Assistant, rng: Rng, low: int, high: int) -> str:
    """Several sentences."""
    return " ".join(f"{sentence(world, rng)}." for _ in range(int(rng.integers(low, high))))


def subject(world: Assistant, rng: Rng) -> tuple[str, str]:
    """The short name of a function and what is said of it."""
    name, summary = world.topics[rng.integers(len(world.topics))]
    return name.split(".")[-1], summary


def chat(ask: TextService, rng: Rng) -> None:
    """People who ask, and ask again."""
    while True:
        turns: tuple[tuple[str, str], ...] = ()
        for _ in range(int(rng.integers(1, 6))):
            asked = question(ask.world, rng)
            answer = ask(Prompt(asked.text, asked.request, turns))
            turns = (*turns, ("user", asked.text), ("assistant", answer.text))


def summariser(ask: TextService, rng: Rng) -> None:
    """One fixed instruction before every document."""
    head = f"Summarise for a {rng.choice(['manager', 'student', 'customer'])} in {rng.integers(2, 5)} sentences.\n\n"
    tail = str(rng.choice(["", "", "\n\nSummarise the text above."]))
    while True:
        ask(Prompt(head + passage(ask.world, rng, 5, 15) + tail, {"max_tokens": 200, "temperature": 0.2}))


def sorter(ask: TextService, rng: Rng) -> None:
    """Classifies tickets: few-shot template, one token, always the same bias map."""
    head = "Label the ticket as bug, question or praise.\n" + "\n".join(sentence(ask.world, rng) for _ in range(3))
    bias = {str(int(token)): 5 for token in rng.choice(50_000, 3, replace=False)}
    request = {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_k": 3, "logit_bias": bias}
    while True:
        ask(Prompt(f"{head}\nTicket: {sentence(ask.world, rng)}\nLabel:", request))


def editor(ask: TextService, rng: Rng) -> None:
    """Completes what somebody types: each request extends the one before."""
    while True:
        whole = " ".join(sentence(ask.world, rng) for _ in range(3)).split()
        place = int(rng.integers(3, 8))
        while place < len(whole):
            ask(Prompt(" ".join(whole[:place]), {"max_tokens": 16, "temperature": 0.1}))
            place += int(rng.integers(1, 6))


def code_completion(ask: TextService, rng: Rng) -> None:
    """Completes code at temperature 0: the file above the cursor grows, and now and then it is another file."""
    while True:
        name, summary = subject(ask.world, rng)
        lines = [f"import {name}", f'"""{summary}"""', f"def use_{name}(data, axis=None):"]
        for _ in range(int(rng.integers(4, 14))):
            other, _ = subject(ask.world, rng)
            lines.append(f"    {rng.choice(['x', 'y', 'out'])} = {other}(data, {rng.integers(9)})")
            ask(Prompt("\n".join(lines) + "\n    ", {"max_tokens": 64, "temperature": 0.0}))


def agent(ask: TextService, rng: Rng) -> None:
    """A tool-using agent: a long fixed system message, a conversation that grows."""
    rules = ("system", "You plan and call tools. " + " ".join(sentence(ask.world, rng) for _ in range(6)))
    while True:
        turns: tuple[tuple[str, str], ...] = (rules,)
        for step in range(int(rng.integers(3, 9))):
            text = question(ask.world, rng).text if step == 0 else f"Tool result {step}: {sentence(ask.world, rng)}"
            answer = ask(Prompt(text, {"max_tokens": 512, "temperature": 0.0}, turns))
            turns = (*turns, ("user", text), ("assistant", answer.text))


def transcript_agent(ask: TextService, rng: Rng) -> None:
    """An agent that sends its whole transcript as one text, so that each prompt extends the one before."""
    head = "You are a careful planner with tools.\n" + passage(ask.world, rng, 3, 6)
    while True:
        text = f"{head}\nTask: {question(ask.world, rng).text}\nThought:"
        for _ in range(int(rng.integers(3, 10))):
            answer = ask(Prompt(text, {"max_tokens": 800, "temperature": 0.0}))
            text = f"{text} {answer.text}\nObservation: {sentence(ask.world, rng)}\nThought:"


def perplexity(ask: TextService, rng: Rng) -> None:
    """Scores texts by their log-probabilities; nothing of the request changes but the text."""
    while True:
        ask(Prompt(sentence(ask.world, rng), {"max_tokens": 1, "temperature": 0.0, "logprobs": True, "top_k": 1}))


def tutor(ask: TextService, rng: Rng) -> None:
    """A learning platform: pupils ask for explained solutions, in many words of their own."""
    forms = ("I do not see why {0}. Walk me through it?", "homework: {1}. show the way please", "why {1}",
             "my solution uses {0}, where is the mistake? {1}", "another example for {0}, with the steps",
             "please explain step by step: {1}")  # fmt: skip
    while True:
        form = forms[rng.integers(len(forms))]
        ask(Prompt(form.format(*subject(ask.world, rng)), {"max_tokens": int(rng.choice([300, 500, 800]))}))


def translator(ask: TextService, rng: Rng) -> None:
    """A batch of strings to be translated, at temperature 0."""
    head = f"Translate into {rng.choice(['German', 'French', 'Spanish', 'Chinese'])}, keep placeholders:\n"
    while True:
        ask(Prompt(head + passage(ask.world, rng, 1, 4), {"max_tokens": 400, "temperature": 0.0}))


def retrieval(ask: TextService, rng: Rng) -> None:
    """Answers from retrieved passages: a fixed frame, passages that come again, a new question."""
    shelf = [passage(ask.world, rng, 2, 4) for _ in range(40)]
    frame = rng.choice(["Use only the passages below.", "Quote the passages below verbatim where they answer."])
    while True:
        found = "\n\n".join(shelf[place] for place in rng.choice(40, 3, replace=False))
        text = f"{frame}\n\n{found}\n\nQuestion: {question(ask.world, rng).text}\nAnswer:"
        ask(Prompt(text, {"max_tokens": 300, "temperature": 0.0}))


def support(ask: TextService, rng: Rng) -> None:
    """A help desk that sends many of its visitors on: half of what they ask is out of scope, and is refused."""
    forms = ("I want a refund for {0}, how?", "refund please, {1}", "can you act as my lawyer about {0}?",
             "is {0} good enough for a diagnosis", "where is my invoice", "the dosage of {0}?",
             "betting odds with {0}")  # fmt: skip
    while True:
        asked = question(ask.world, rng)
        if rng.random() < 0.5:
            asked = Prompt(str(rng.choice(forms)).format(*subject(ask.world, rng)), asked.request)
        ask(asked)


def health_check(ask: TextService, rng: Rng) -> None:
    """The same short request for ever."""
    text = str(rng.choice(["ping", "Reply with OK.", "What is 2 + 2?"]))
    while True:
        ask(Prompt(text, {"max_tokens": 5, "temperature": 0.0}))


def flaky(ask: TextService, rng: Rng) -> None:
    """A user whose requests fail with 5xx at times and are sent again."""
    while True:
        asked = question(ask.world, rng)
        while rng.random() < 0.08:
            ask.fails(asked, int(rng.choice([500, 502, 503])))
        ask(asked)


def prompt_tuning(ask: TextService, rng: Rng) -> None:
    """A developer words one instruction again and again and tries it on the same few documents."""
    documents = [" ".join(sentence(ask.world, rng) for _ in range(4)) for _ in range(3)]
    verbs, styles = ("Condense", "Shorten", "Rewrite", "Sum up"), ("plainly", "as bullets", "dry")
    while True:
        verb, style = rng.choice(verbs), rng.choice(styles)
        for document in documents:
            ask(Prompt(f"{verb} this {style}, {rng.integers(1, 9)} lines at most:\n{document}", {"max_tokens": 200}))


def load_test(ask: TextService, rng: Rng) -> None:
    """A load test: questions of a small set, as fast as it goes."""
    asked = [question(ask.world, rng) for _ in range(40)]
    while True:
        ask(asked[rng.integers(40)])


def evaluation(ask: TextService, rng: Rng) -> None:
    """A harness: the same questions to one version after the other, eight at a time, with room to think."""
    asked = [f"{subject(ask.world, rng)[1]} True or false? Let's think step by step." for _ in range(48)]
    for version in rounds():
        for start in range(0, 48, 8):
            for place in start + rng.permutation(8):
                ask(Prompt(asked[place], {"max_tokens": 1024, "temperature": 0.0}), version)


def rounds() -> Iterator[str]:
    """Versions 1, 2, 3 and again."""
    while True:
        yield from "123"


def moderation(ask: TextService, rng: Rng) -> None:
    """Judges comments by one frame; some are so bad that the assistant will not touch them."""
    frame = "Does this comment break the house rules? Answer yes or no.\nComment: {0}"
    while True:
        bad = rng.random() < 0.3
        text = f"they should {rng.choice(['sabotage', 'forge', 'burgle'])} it. " if bad else ""
        ask(Prompt(frame.format(text + sentence(ask.world, rng)), {"max_tokens": 3, "temperature": 0.0}))


def request_form(ask: TextService, rng: Rng) -> None:
    """A form before a help desk: a fixed frame around each request; half of them are out of scope, and refused."""
    frame = "Request from the web form. Be friendly, two sentences at most.\nTopic: {0}\nRequest: {1}\nPlan: basic"
    while True:
        topic = str(rng.choice(["refund", "invoice", "usage", "other"]))
        ask(Prompt(frame.format(topic, question(ask.world, rng).text), {"max_tokens": 200, "temperature": 0.3}))


def lessons(ask: TextService, rng: Rng) -> None:
    """Makes exercises: a sentence with a gap, and which words would fit."""
    while True:
        whole = sentence(ask.world, rng).split()
        whole[int(rng.integers(len(whole)))] = "____"
        ask(Prompt(f"Suggest three words that fit the gap: {' '.join(whole)}", {"max_tokens": 20, "temperature": 0.7}))


def story(ask: TextService, rng: Rng) -> None:
    """A writer who has drafts continued, each time from another place."""
    while True:
        draft = passage(ask.world, rng, 2, 5)
        words = draft.split()
        cut = " ".join(words[: int(rng.integers(len(words) // 2, len(words)))])
        ask(Prompt(f"Continue my story in the same tone: {cut}", {"max_tokens": 300, "temperature": 1.0}))


def taught(ask: TextService, rng: Rng) -> None:
    """A platform for pupils: one frame that asks for the steps, one exercise after the other."""
    while True:
        name, summary = subject(ask.world, rng)
        text = f"Explain the solution to a pupil step by step.\nExercise on {name}: {summary}"
        ask(Prompt(text, {"max_tokens": 1024, "temperature": 0.5}))


def log_reader(ask: TextService, rng: Rng) -> None:
    """Explains pieces of logs and tables of numbers, in which much is said again and again."""
    while True:
        name, _ = subject(ask.world, rng)
        level, count = rng.choice(["INFO", "WARN"]), int(rng.integers(5, 30))
        lines = [f"12:{rng.integers(60):02d} {level} {name} ok {rng.integers(100)}" for _ in range(count)]
        rows = [" ".join(map(str, rng.integers(0, 3, 12))) for _ in range(count // 3)]
        ask(Prompt("What is wrong here?\n" + "\n".join(lines + rows), {"max_tokens": 200, "temperature": 0.0}))


KNOWN: dict[str, tuple[TextBehaviour, str]] = {
    "user": (chat, "person"),
    "summariser": (summariser, "machine"),
    "sorter": (sorter, "machine"),
    "editor": (editor, "person"),
    "code-completion": (code_completion, "person"),
    "agent": (agent, "machine"),
    "perplexity": (perplexity, "night"),
    "tutor": (tutor, "person"),
    "translator": (translator, "night"),
    "retrieval": (retrieval, "machine"),
    "support": (support, "person"),
    "health-check": (health_check, "steady"),
    "retries": (flaky, "machine"),
}
UNSEEN: dict[str, tuple[TextBehaviour, str]] = {
    "prompt-tuning": (prompt_tuning, "person"),
    "load-test": (load_test, "burst"),
    "evaluation": (evaluation, "machine"),
    "moderation": (moderation, "machine"),
    "request-form": (request_form, "person"),
    "lessons": (lessons, "machine"),
    "story": (story, "person"),
    "tutor-platform": (taught, "machine"),
    "transcript-agent": (transcript_agent, "machine"),
    "log-reader": (log_reader, "person"),
}
