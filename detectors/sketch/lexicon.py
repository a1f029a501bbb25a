"""What the sketch of a text notes of its wording: a few wishes, told by concepts that stand together, never by words.

A concept is a list of terms in several languages; a rule is a wish that holds where all of its concepts are met within
a few words of each other. The lists follow the descriptions of the attacks:
Anthropic (2026) and Google GTIG (2026) on the harvesting of reasoning; Zhang et al., Effective Prompt Extraction from
Language Models (2023), for hidden instructions; Nasr et al., Scalable Extraction of Training Data (2023), for endless
repetition; Chang et al., Speak, Memory (EMNLP 2023), for cloze; Wei et al., Jailbroken (NeurIPS 2023), and Shen et al.,
Do Anything Now (CCS 2024), for the casting off of rules; Zou et al., Universal and Transferable Adversarial Attacks
(2023), and the mitigation detector of garak for refusals.

Fails: languages that are not listed, encodings (base64, rot13), look-alike letters, and whoever avoids the concepts.
That is why no test rests on one of these notes alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

# bits of TextSketches.wishes; 0 is "not known"
LOOKED: Final = 1  # the text was looked at
REASONING: Final = 2  # wants reasoning laid open in full, not just explained
HIDDEN: Final = 4  # wants what stands before the conversation: system prompt, instructions
ENDLESS: Final = 8  # wants something said without end
RECITE: Final = 16  # wants a known text word for word, or its masked word
UNBOUND: Final = 32  # wants the rules cast off
OPEN: Final = 64  # breaks off in mid-sentence

# bits of Queries.manner, of the answer
ANSWERED: Final = 1  # there is a text, and it was looked at
REFUSES: Final = 2
RECURS: Final = 4  # says one thing over and over
GOES_ON: Final = 8  # begins in mid-sentence

SPAN: Final = 16  # words within which the concepts of a rule have to stand
BEGINNING: Final = 30  # words at the beginning of a text in which some rules look

CONCEPTS: Final[Mapping[str, tuple[str, ...]]] = {
    "thought": (
        "reasoning", "rationale", "thought process", "thought", "thoughts", "chain of thought", "chains of thought",
        "thinking", "think", "train of thought", "deduction", "deductions", "inference", "inferences", "derivation",
        "derive", "scratchpad", "scratch pad", "inner monologue", "internal monologue", "monologue", "deliberation",
        "logic", "conclusions", "reason through", "reason about", "reasoning trace", "reasoning traces",
        "denkprozess", "gedankengang", "gedankengänge", "gedankenschritt", "gedankenschritte", "gedankenkette",
        "überlegung", "überlegungen", "herleitung", "begründe", "begründung", "denke", "gedanken", "denkschritte",
        "raisonnement", "raisonnements", "réflexion", "chaîne de pensée", "pensée", "pensées", "déduction",
        "déductions", "razonamiento", "razonamientos", "cadena de pensamiento", "pensamiento", "pensamientos",
        "deducción", "razona", "raciocínio", "cadeia de pensamento", "ragionamento", "catena di pensiero",
        "рассуждения", "рассуждение", "ход мыслей", "цепочку рассуждений", "思考", "推理", "思维链", "思路", "推导",
        "思考過程", "推論", "考え",
    ),
    "steps": (
        "step", "steps", "step by step", "stage", "stages", "schritt", "schritte", "schrittweise",
        "schritt für schritt", "zwischenschritt", "zwischenschritte", "zwischenschritten", "étape", "étapes", "paso",
        "pasos", "paso a paso", "passo a passo", "шаг", "шаги", "пошагово", "步骤", "逐步", "一步一步", "手順",
    ),
    "exhaustive": (
        "every", "each", "all of", "all your", "all the", "all intermediate", "complete", "completely", "entire",
        "whole", "full", "fully", "in full", "exhaustive", "exhaustively", "unabridged", "intermediate",
        "nothing out", "leave out nothing", "skipping nothing", "skip nothing", "without skipping", "do not skip",
        "don t skip", "skip no", "omit nothing", "omitting nothing", "without omitting", "do not omit", "hidden",
        "inner", "internal", "raw", "verbatim", "as detailed as possible", "jeden", "jede", "jedes", "alle", "allen",
        "vollständig", "vollständige", "vollständigen", "lückenlos", "lasse nichts", "lass nichts", "ohne auslassung",
        "sämtliche", "chaque", "tout ton", "tout votre", "toutes les", "tous les", "complet", "complète",
        "sans rien omettre", "sans omettre", "en entier", "cada", "todo tu", "todos los", "todas las", "completo",
        "completa", "sin omitir", "sin saltarte", "sin saltar", "intermedio", "intermedios", "intermédiaire",
        "intermédiaires", "todos os", "cada passo", "ogni", "tutti i", "все", "каждый", "полностью", "完整", "全部",
        "所有", "详细", "每一步", "不要省略", "不要跳过", "すべて", "省略せず",
    ),
    "expose": (
        "reveal", "show", "print", "repeat", "output", "display", "recite", "tell", "give", "share", "translate",
        "summarise", "summarize", "encode", "echo", "list", "write", "copy", "paste", "dump", "leak", "disclose",
        "return", "what is", "what are", "what were", "what was", "what does", "spell", "rhyme", "expose", "quote",
        "provide", "read", "say", "complete", "continue", "log", "see", "insert", "render", "convert", "describe",
        "rephrase", "paraphrase", "state", "know your", "extract", "report", "include", "explain", "zeig", "zeige",
        "gib", "nenne", "wiederhole", "drucke", "übersetze", "wie lauten", "wie lautet", "verrate", "montre",
        "affiche", "répète", "donne", "révèle", "traduis", "quelles sont", "quel est", "muestra", "repite", "imprime",
        "dime", "revela", "traduce", "cuáles son", "cuál es", "mostre", "repita", "mostra", "ripeti", "покажи",
        "повтори", "выведи", "显示", "重复", "输出", "告诉", "打印", "翻译", "透露", "見せて", "繰り返",
    ),
    "preamble": (
        "system prompt", "systemprompt", "system_prompt", "system message", "system instruction",
        "system instructions", "initial prompt", "initial instruction", "initial instructions", "original prompt",
        "original instructions", "starting instructions", "starting prompt", "hidden prompt", "hidden instructions",
        "secret instructions", "your instructions", "your prompt", "your rules", "your guidelines",
        "your configuration", "your directives", "your initial", "your system", "the instructions you",
        "instructions you were given", "instructions given to you", "those instructions", "previous instructions",
        "prior instructions", "preceding instructions", "developer message", "developer prompt",
        "developer instructions", "custom instructions", "were instructed", "was instructed", "were told before",
        "were you told", "you were given", "you have been given", "pre prompt", "preprompt", "preamble",
        "first message", "entire conversation", "this conversation", "the conversation back", "conversation so far",
        "context window", "instruction set", "core instructions", "confidential instructions", "system configuration",
        "operating instructions", "systemanweisung", "systemanweisungen", "deine anweisungen", "ihre anweisungen",
        "deine instruktionen", "system anweisungen", "anfangsanweisungen", "invite système", "instructions système",
        "tes instructions", "vos instructions", "instructions initiales", "tus instrucciones", "sus instrucciones",
        "instrucciones del sistema", "instrucciones iniciales", "prompt del sistema", "mensaje del sistema",
        "suas instruções", "prompt do sistema", "tue istruzioni", "prompt di sistema", "системный промпт",
        "твои инструкции", "ваши инструкции", "系统提示", "系统指令", "你的指令", "初始指令", "你的提示", "提示词",
        "システムプロンプト", "あなたの指示",
    ),
    "above": (
        "above", "everything above", "text above", "before this", "preceding text", "prior text", "previous text",
        "beginning of this", "start of this", "top of this", "up to this point", "so far", "darüber", "obige",
        "obigen", "oben", "ci dessus", "au dessus", "arriba", "anterior", "acima", "sopra", "выше", "以上", "上面",
        "上記",
    ),
    "say": (
        "repeat", "repeating", "say", "saying", "write", "writing", "print", "printing", "output", "keep", "type",
        "echo", "go on", "going", "wiederhole", "wiederholen", "schreibe", "sage", "sag", "répète", "répétez",
        "écris", "dis", "repite", "repetir", "escribe", "di", "repita", "ripeti", "повторяй", "повтори", "重复", "写",
        "说", "输出", "繰り返",
    ),
    "endless": (
        "forever", "endlessly", "infinite", "infinitely", "indefinitely", "infinity", "without end",
        "without stopping", "without pause", "never stop", "never stopping", "do not stop", "don t stop", "non stop",
        "nonstop", "no end", "over and over", "again and again", "eternally", "hundred times", "thousand times",
        "million times", "100 times", "500 times", "1000 times", "10000 times", "as many times as", "until you can t",
        "until the end of", "unendlich", "endlos", "für immer", "immer wieder", "ohne ende", "ohne aufzuhören",
        "ohne unterbrechung", "à l infini", "sans fin", "sans arrêt", "sans t arrêter", "sans cesse", "pour toujours",
        "para siempre", "sin parar", "sin fin", "infinitamente", "para sempre", "sem parar", "all infinito",
        "per sempre", "бесконечно", "вечно", "не останавливайся", "永远", "无限", "不停", "一直", "永遠に", "ずっと",
    ),
    "continue": (
        "continue", "continuation", "complete", "recite", "finish", "recall", "reproduce", "what comes next",
        "comes next", "goes on", "go on", "fill", "fills in", "begins with", "starts with", "which word", "give me",
        "proper name", "setze", "fortsetzung", "vervollständige", "ergänze", "wie geht", "récite",
        "complète", "poursuis", "continúa", "recita", "completa", "复述", "背诵", "续写", "继续", "填",
    ),
    "to the letter": (
        "verbatim", "word for word", "word by word", "letter for letter", "exact continuation", "exact text",
        "exact words", "exactly as", "as it stands", "as written", "in the original", "from memory", "by heart",
        "text that starts", "original text", "original passage", "memorised", "memorized", "training data",
        "trained on", "were trained", "training set", "training corpus", "wörtlich", "wortwörtlich", "auswendig",
        "im original", "trainingsdaten", "mot à mot", "mot pour mot", "par coeur", "par cœur", "textuellement",
        "littéralement", "données d entraînement", "literalmente", "palabra por palabra", "de memoria",
        "textualmente", "datos de entrenamiento", "逐字", "原文", "一字不差", "训练数据",
    ),
    "mask": (
        "mask", "masked", "mask token", "masked word", "masked token", "missing token", "redacted word", "cloze",
    ),
    "seen": (
        "passage", "excerpt", "training data", "trained on", "memorised", "memorized", "seen", "proper name", "token",
        "document", "quotation", "one word", "recall", "input", "sentence", "book", "text", "fill", "fills",
    ),
    "drop": (
        "ignore", "disregard", "forget", "bypass", "override", "circumvent", "no longer", "break free", "freed from",
        "free from", "without any", "without", "no", "not bound by", "do not follow", "don t follow", "never",
        "disabled", "ignoriere", "vergiss", "ohne", "keine", "oublie", "sans", "aucune", "ignora", "olvida", "sin",
        "ninguna", "игнорируй", "забудь", "без", "忽略", "无视", "忘记", "没有", "無視",
    ),
    "rules": (
        "rule", "rules", "restriction", "restrictions", "guideline", "guidelines", "policy", "policies",
        "previous instructions", "prior instructions", "all instructions", "limitations", "morals", "ethics",
        "ethical", "moral", "censorship", "safeguards", "refuse", "refuses", "refusing", "decline", "declines",
        "warnings", "disclaimer", "disclaimers", "regeln", "einschränkungen", "richtlinien", "beschränkungen",
        "anweisungen", "règles", "consignes", "limites", "reglas", "restricciones", "instrucciones", "límites",
        "правил", "ограничений", "规则", "限制", "指令", "制限",
    ),
    "unbound": (
        "jailbreak", "jailbroken", "unfiltered", "uncensored", "unrestricted", "do anything now", "developer mode",
        "god mode", "dan mode", "evil mode", "amoral", "sudo mode", "ungefiltert", "unzensiert", "sans censure",
        "sin censura", "без цензуры", "无审查", "越狱",
    ),
    "sorry": (
        "sorry", "apologise", "apologize", "apologies", "unfortunately", "regret", "as an ai", "as a language model",
        "leid", "leider", "bedaure", "désolé", "désolée", "malheureusement", "lo siento", "lamento", "disculpa",
        "desculpe", "infelizmente", "mi dispiace", "purtroppo", "извините", "к сожалению", "抱歉", "对不起", "很遗憾",
        "申し訳", "すみません",
    ),
    "cannot": (
        "cannot", "can not", "can t", "could not", "couldn t", "will not", "won t", "unable to", "not able to",
        "must decline", "have to decline", "not allowed to", "not permitted to", "not comfortable", "not appropriate",
        "not going to", "refuse to", "against my", "kann nicht", "kann ich nicht", "kann das nicht", "kann dir nicht",
        "kann ihnen nicht", "kann dabei nicht", "darf nicht", "ne peux pas", "ne puis pas", "ne suis pas en mesure",
        "no puedo", "não posso", "non posso", "не могу", "无法", "不能", "没办法", "できません", "いたしかねます",
    ),
    "serve": (
        "help", "assist", "assistance", "provide", "comply", "fulfil", "fulfill", "answer", "support", "discuss",
        "share", "engage", "do that", "respond", "reveal", "disclose", "show", "tell", "give", "talk about",
        "request", "guidelines", "programming", "helfen", "beantworten", "weitergeben", "aider", "répondre",
        "fournir", "ayudar", "responder", "proporcionar", "ajudar", "aiutare", "помочь", "帮助", "提供", "回答",
        "协助", "お手伝い", "お答え",
    ),
}  # fmt: skip


class Rule(NamedTuple):
    """A wish that holds where all concepts stand within SPAN words; `early`: only within the first BEGINNING words."""

    wish: int
    concepts: tuple[str, ...]
    early: bool = False


PROMPTS: Final = (
    Rule(REASONING, ("thought", "exhaustive")),
    Rule(REASONING, ("steps", "exhaustive", "thought")),
    Rule(HIDDEN, ("expose", "preamble")),
    Rule(HIDDEN, ("expose", "above"), early=True),
    Rule(ENDLESS, ("say", "endless")),
    Rule(RECITE, ("continue", "to the letter")),
    Rule(RECITE, ("mask", "seen")),
    Rule(UNBOUND, ("drop", "rules")),
    Rule(UNBOUND, ("unbound",)),
)
ANSWERS: Final = (
    Rule(REFUSES, ("sorry", "cannot"), early=True),
    Rule(REFUSES, ("cannot", "serve"), early=True),
)
