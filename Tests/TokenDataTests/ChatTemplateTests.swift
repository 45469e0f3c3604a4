import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Chat templates against Jinja (Scripts/goldens/make_templates.py), their limits, and the training data made with them.
final class ChatTemplateTests: XCTestCase {
  private func value(_ object: TemplateValue, _ key: String) throws -> TemplateValue {
    guard case .dictionary(let dictionary) = object else { throw UpcycleError("no object") }
    return try XCTUnwrap(dictionary[key], key)
  }

  func testTemplatesWriteWhatJinjaWrites() throws {
    let file = NastyStrings.folder.appendingPathComponent("templates.json")
    let golden = try JSONReader.parse(readFile(file), file: file.path) { try TemplateValue(&$0) }
    var parts = DateComponents(year: 2026, month: 3, day: 9, hour: 8, minute: 5, second: 7)
    parts.timeZone = .current
    let now = try XCTUnwrap(Calendar(identifier: .gregorian).date(from: parts))
    guard case .list(let cases) = try value(golden, "cases") else { return XCTFail("no cases") }
    XCTAssertGreaterThan(cases.count, 150)
    for item in cases {
      let name = try value(item, "template").text
      let label = try "\(name), \(value(item, "chat").text)"
      let template = try ChatTemplate(
        value(value(golden, "templates"), name).text, file: name,
        variables: ["bos_token": .string("<s>"), "eos_token": .string("</s>")], now: now)
      var chat = try Conversation(value(value(golden, "chats"), value(item, "chat").text), place: label)
      if try value(item, "tools").isTrue { chat.tools = try value(golden, "tools") }
      let adding = try value(item, "prompt").isTrue
      guard case .dictionary(let fields) = item else { return XCTFail("no object") }
      if let expected = fields["text"] {
        let text = try template.text(chat, addingPrompt: adding)
        XCTAssertTrue(
          same(text, expected.text), "\(label): \(text.debugDescription), not \(expected.text.debugDescription)")
      } else {
        XCTAssertThrowsError(try template.text(chat, addingPrompt: adding), label)
      }
    }
  }

  private func text(_ source: String) throws -> String {
    var chat = Conversation()
    chat.append(role: "user", "hi")
    return try ChatTemplate(source, file: "t.jinja").text(chat, addingPrompt: true)
  }

  /// As Jinja and transformers' `tojson` write them.
  func testFiltersHeedAllTheirArguments() throws {
    let cases: [(String, String)] = [
      ("{{ {'b': 1, 'a': ['é']} | tojson(separators=(',', ':')) }}", #"{"b":1,"a":["é"]}"#),
      ("{{ ['é', '🦙\u{7F}'] | tojson(ensure_ascii=true) }}", #"["\u00e9", "\ud83e\udd99\u007f"]"#),
      ("{{ {'a': 1} | tojson(4) }}", #"{"a": 1}"#),
      ("{{ {'a': [1, 2]} | tojson(indent=1, separators=(';', '=')) }}", "{\n \"a\"=[\n  1;\n  2\n ]\n}"),
      ("{{ ['b', 'A', 'a', 'B'] | sort | join }}", "AabB"),
      ("{{ ['b', 'A', 'a', 'B'] | sort(case_sensitive=true) | join }}", "ABab"),
      ("{{ ['b', 'A', 'a', 'B'] | unique | join }}", "bA"),
      ("{{ [{'n': 'b'}, {'n': 'A'}] | min(attribute='n') }}", "{'n': 'A'}"),
      ("{{ {'b': 1, 'A': 2, 'C': 0} | dictsort(by='value') | map('first') | join }}", "CbA"),
      ("{{ {'b': 1, 'A': 2, 'C': 0} | dictsort(reverse=true) | map('first') | join }}", "CbA"),
      ("{{ {'b': 1, 'A': 2, 'C': 0} | dictsort(true) | map('first') | join }}", "ACb"),
      ("{{ 'a\\r\\nb\\n\\nc\\n' | indent(2) }}", "a\n  b\n\n  c\n"),
      ("{{ 'a\u{2028}b'.splitlines() | join('|') }}", "a|b"),
      ("{{ \"they're foo-bar\" | title }}", "They're Foo-Bar"), ("{{ 'foo-bar baz' | wordcount }}", "3"),
      ("{{ ['\u{2028}\u{A0}é'] }}", #"['\u2028\xa0é']"#), ("{{ 7 | round }}{{ 2.5 | round }}", "72.0"),
      ("{{ [1, 2.5] | sum(start=4) }} {{ [{'n': 2}] | sum('n', 4) }} {{ [] | sum }}", "7.5 6 0"),
      ("{{ '' is upper }}{{ 'A1' is upper }}{{ '1' is lower }}", "FalseTrueFalse"),
      // As Python's methods of texts.
      (
        "{{ 'hello llama'.find('l', 4) }} {{ 'hello'.find('l', 0, 2) }} {{ 'été'.rfind('t', -2) }} {{ 'aXa'.find('a', 1) }}",
        "6 -1 1 2"
      ),
      ("{{ 'hello'.rfind('') }} {{ 'a'.find('', 5) }} {{ 'abab'.index('b', 2) }}", "5 -1 3"),
      (
        "{{ 'hello'.startswith('l', 2) }}{{ 'hello'.startswith('h', 1) }}{{ 'hello'.endswith('ll', 0, 4) }}",
        "TrueFalseTrue"
      ),
      (
        "{{ 'aaa'.count('') }} {{ 'aaa'.count('a', 1) }} {{ 'a\\nb\\r\\nc'.splitlines(True) }}",
        #"4 2 ['a\n', 'b\r\n', 'c']"#
      ),
      ("{{ ' a  b c '.rsplit(None, 1) }} {{ 'a  b'.rsplit(None, 3) }}", "[' a  b', 'c'] ['a', 'b']"),
    ]
    for (source, expected) in cases { XCTAssertEqual(try text(source), expected, source) }
    XCTAssertThrowsError(try text("{{ 1 | tojson(separators=',') }}")) {
      XCTAssertTrue("\($0)".contains("takes two texts as separators"), "\($0)")
    }
    XCTAssertThrowsError(try text("{{ -(0 - 9223372036854775807 - 1) }}")) {
      XCTAssertTrue("\($0)".contains("too large"), "\($0)")
    }
    XCTAssertThrowsError(try text("{{ ['a', 1] | sum }}")) {
      XCTAssertTrue("\($0)".contains("sum cannot add"), "\($0)")
    }
  }

  /// As Python writes them.
  func testFormatsAndExponents() throws {
    let cases: [(String, String)] = [
      ("{{ '%02d:%02d' % (7, 12) }} {{ '%5d|%-5d|%05d' % (42, 42, -42) }}", "07:12    42|42   |-0042"),
      ("{{ '%.2f %8.3f %.0f %f' % (3.14159, 2.5, 1, 2) }}", "3.14    2.500 1 2.000000"),
      ("{{ '%i%% of %6s and %-3s.' % (3.9, 'all', 'x') }}", "3% of    all and x  ."),
      ("{{ '%d' % 9007199254740993 }} {{ '%d' % true }}", "9007199254740993 1"),
      ("{{ 1e20 }} {{ 1.5E-3 }} {{ 2e+0_1 }} {{ 1e3 | int }} {{ [1e2, 3] }}", "1e+20 0.0015 20.0 1000 [100.0, 3]"),
      ("{{ 1if 1else 2 }}{{ [1, 2][1]if 1e0 == 1 else 3 }}", "12"),
    ]
    for (source, expected) in cases { XCTAssertEqual(try text(source), expected, source) }
    for (source, words) in [
      ("{{ '%x' % 10 }}", "%x is not known"), ("{{ '%.2d' % 10 }}", "%d is not known"),
      ("{{ '%d' % 'a' }}", "%d is not known for a string"), ("{{ '%9999d' % 1 }}", "wider than 1000"),
      ("{{ '%05' % 1 }}", "ends in %"), ("{{ '%d' % 1e300 }}", "too large"),
    ] {
      XCTAssertThrowsError(try text(source), source) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
    }
  }

  /// What is set in a `generation` block is unknown behind it, as in transformers.
  func testGenerationBlocksHaveNamesOfTheirOwn() throws {
    let source =
      "{% set x = 1 %}{% generation %}{% set x = 2 %}{% set y = 3 %}{{ x }}{{ y }}{% endgeneration %}{{ x }}{{ y }}"
    XCTAssertEqual(try text(source), "231")
  }

  /// White space is all that Python takes for such, and raw text may begin with a tag.
  func testTagsTakeNoMoreThanTheWhiteSpaceAroundThem() throws {
    for (source, expected) in [
      ("a\u{3000}{{- 'b' -}}\u{A0}\u{2028} c", "abc"), ("a\u{200B}{{- 'b' }}", "a\u{200B}b"),
      ("a{% raw %}{% if %}{% endraw %}b", "a{% if %}b"), ("a{% raw -%}  {% if %}\n{%- endraw %}b", "a{% if %}b"),
      ("a\n\u{A0}{% if true %}b{% endif %}", "a\nb"), ("a\u{A0}{% if true %}b{% endif %}", "a\u{A0}b"),
    ] { XCTAssertEqual(try text(source), expected, source) }
  }

  /// Of several templates the one named "tool_use" writes conversations with tools (Hermes 2 Pro), as in transformers.
  func testToolsHaveATemplateOfTheirOwn() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    try writeFile(
      #"""
      {"chat_template": [{"name": "tool_use", "template": "tools {{ tools[0].name }}"},
        {"name": "default", "template": "plain"}]}
      """#, to: folder.appendingPathComponent("tokenizer_config.json"))
    let template = try ChatTemplate(folder: folder)
    var chat = Conversation()
    chat.append(role: "user", "hi")
    XCTAssertEqual(try template.text(chat, addingPrompt: true), "plain")
    chat.tools = .list([.dictionary(["name": .string("f")])])
    XCTAssertEqual(try template.text(chat, addingPrompt: true), "tools f")
  }

  func testExtremeNumbersAndGrowingTextsEndInOneLine() throws {
    let least = "(0 - 9223372036854775807 - 1)"
    XCTAssertEqual(try text("{{ [1] | tojson(indent=-1) }}"), "[\n1\n]")
    XCTAssertEqual(try text("{{ 'a b'.rsplit(' ', 9223372036854775807) | join('-') }}"), "a-b")
    XCTAssertEqual(try text("{{ \(least) is divisibleby(0 - 1) }}"), "True")
    XCTAssertFalse(try text("{{ \(least) | abs }}").isEmpty)
    for (source, words) in [
      ("{{ 'ab' * 9223372036854775807 }}", "too long"), ("{{ '%d' % (10.0 ** 300) }}", "too large"),
      ("{{ '{-5}'.format(1) }}", "no value"), ("{{ range(90000) | join('a' * 9000) }}", "too long"),
      ("{{ ('a' * 90000).replace('a', 'b' * 90000) }}", "too long"),
      ("{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}", "too long"),
      ("{% set n = namespace(x='a') %}{% for i in range(60) %}{% set n.x = n.x + n.x %}{% endfor %}", "too long"),
    ] {
      XCTAssertThrowsError(try text(source), source) { XCTAssertTrue("\($0)".contains(words), "\($0)") }
    }
  }

  func testWhatIsNotKnownIsOneLineWithItsPlace() {
    for (source, words) in [
      ("a\n{% include 'x' %}", ["template line 2", "include", "known are"]),
      ("{{ 'x' | nosuch }}", ["nosuch", "trim"]),
      ("{{ 'x' | regex_replace('x', '') }}", ["regex_replace", "not known"]),
      ("{{ 1 is nosuch }}", ["nosuch", "defined"]), ("\n\n{% if true %}", ["template line 3", "endif"]),
      ("{{ 'x }}", ["quote"]),
      ("{{ (1 }}", ["without }}"]), ("{% for x in y recursive %}{% endfor %}", ["recursive"]),
      ("{{ messages[0].a.b }}", ["undefined"]),
      ("{{ raise_exception('no way') }}", ["no way"]), ("{{ nothing() }}", ["nothing"]), ("{{ 1 / 0 }}", ["zero"]),
      ("{% set a.b = 1 %}", ["namespace"]), ("{{ 'a' + 1 }}", ["string", "int"]), ("{% break %}", ["loop"]),
    ] {
      XCTAssertThrowsError(try text(source), source) { error in
        XCTAssertFalse("\(error)".contains("\n"))
        for word in words + ["t.jinja"] { XCTAssertTrue("\(error)".contains(word), "\(source): \(error)") }
      }
    }
  }

  func testTemplatesThatDoNotEndAreStopped() {
    let loop = "{% for a in range(9999) %}{% for b in range(9999) %}{% set c = a %}{% endfor %}{% endfor %}"
    let macro = "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"
    let long =
      "{% set ns = namespace(x='x') %}{% for a in range(99) %}{% set ns.x = ns.x + ns.x %}{{ ns.x }}{% endfor %}"
    let nested = "{{ " + String(repeating: "(", count: 5000) + "1" + String(repeating: ")", count: 5000) + " }}"
    for (source, words) in [
      (loop, "takes more than"), (macro, "call each other too deeply"), (long, "writes more than"),
      (nested, "nested deeper than"), ("{{ 'x' * 99999999999 }}", "too long"),
    ] {
      XCTAssertThrowsError(try text(source), String(source.prefix(60))) {
        XCTAssertTrue("\($0)".contains(words), "\($0)")
      }
    }
  }

  // MARK: Training data

  private static let turns =
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

  private func tokenizer() throws -> Tokenizer {
    try Tokenizer.load(from: NastyStrings.folder.appendingPathComponent("qwen2-like"))
  }

  func testAnswersAreWhatTheAssistantSays() throws {
    let tokenizer = try tokenizer()
    var chat = Conversation()
    chat.append(role: "user", "Hi")
    chat.append(role: "assistant", "Hello!")
    chat.append(role: "user", "Bye")
    chat.append(role: "assistant", "See you.")
    let marked = Self.turns.replacing(
      "{{ m.role }}\n{{ m.content }}<|im_end|>\n",
      with:
        "{{ m.role }}\n{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>{% endgeneration %}{% else %}{{ m.content }}<|im_end|>{% endif %}{{ '\\n' }}"
    )
    for source in [Self.turns, marked] {
      let template = try ChatTemplate(source, file: "t")
      let (ids, answers) = try template.document(chat, tokenizer)
      XCTAssertEqual(tokenizer.decode(ids, showingSpecials: true), try template.text(chat, addingPrompt: false))
      XCTAssertEqual(
        answers.map { tokenizer.decode(Array(ids[$0]), showingSpecials: true) },
        ["Hello!<|im_end|>", "See you.<|im_end|>"])
      let prompt = tokenizer.encode(try template.text(chat.prefix(3), addingPrompt: true), parsingSpecials: true)
      XCTAssertEqual(Array(ids.prefix(answers[1].lowerBound)), prompt)
    }
  }

  func testAnswersThatTheTemplateShortensAreFound() throws {
    let source = Self.turns.replacing(
      "{{ m.content }}<|im_end|>",
      with: "{% if m.role == 'assistant' and loop.last %}<think>\n\n</think>\n\n{% endif %}{{ m.content }}<|im_end|>")
    var chat = Conversation()
    for (role, content) in [("user", "1"), ("assistant", "2"), ("user", "3"), ("assistant", "4")] {
      chat.append(role: role, content)
    }
    let tokenizer = try tokenizer()
    let (ids, answers) = try ChatTemplate(source, file: "t").document(chat, tokenizer)
    XCTAssertEqual(
      answers.map { tokenizer.decode(Array(ids[$0]), showingSpecials: true) },
      ["2<|im_end|>", "<think>\n\n</think>\n\n4<|im_end|>"])
  }

  /// The text of training data with its answers in brackets.
  private func marked(_ source: String, _ messages: String...) throws -> String {
    let tokenizer = try tokenizer()
    let template = try ChatTemplate(source, file: "t.jinja", variables: ["eos_token": .string("<|endoftext|>")])
    let chat = try conversation(messages)
    let (ids, answers) = try template.document(chat, tokenizer)
    func text(_ range: Range<Int>) -> String { tokenizer.decode(Array(ids[range]), showingSpecials: true) }
    XCTAssertTrue(same(text(0..<ids.count), try template.text(chat, addingPrompt: false)), source)
    var (marked, done) = ("", 0)
    for answer in answers {
      marked += text(done..<answer.lowerBound) + "⟦" + text(answer) + "⟧"
      done = answer.upperBound
    }
    return marked + text(done..<ids.count)
  }

  private func conversation(_ messages: [String]) throws -> Conversation {
    try Array("{\"messages\": [\(messages.joined(separator: ", "))]}".utf8).withUnsafeBytes {
      try Conversation(line: $0, 1, of: "chats.jsonl")
    }
  }

  private func said(_ role: String, _ content: String, _ more: String = "") -> String {
    "{\"role\": \"\(role)\", \"content\": \"\(content)\"\(more)}"
  }

  private static let turn = "<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n"
  private static let asks = "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"

  private func loop(_ turn: String = ChatTemplateTests.turn, behind: String = ChatTemplateTests.asks) -> String {
    "{% for m in messages %}\(turn){% endfor %}\(behind)"
  }

  /// Whose prompt the conversation does not go on with: what the user said is not looked for in its place.
  func testAnswersBehindPromptsThatOpenAThought() throws {
    let asks = "{% if add_generation_prompt %}<|im_start|>assistant\n<think>\n{% endif %}"
    let question = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    XCTAssertEqual(
      try marked(
        loop(behind: asks), said("user", "a"), said("assistant", "a"), said("user", "<|im_end|> s"),
        said("assistant", "s")),
      question + "⟦a<|im_end|>⟧\n<|im_start|>user\n<|im_end|> s<|im_end|>\n<|im_start|>assistant\n⟦s<|im_end|>⟧\n")
    let places = "{% for i in range(1, messages | length) %}{% set m = messages[i] %}\(Self.turn){% endfor %}\(asks)"
    XCTAssertEqual(
      try marked(places, said("system", "s"), said("user", "a"), said("assistant", "a")),
      question + "⟦a<|im_end|>⟧\n")
    let markers = "{% if m.role == 'user' %}<u>{{ m.content }}{% else %}<a></think>{{ m.content }}<|im_end|>{% endif %}"
    XCTAssertEqual(
      try marked(
        loop(markers, behind: "{% if add_generation_prompt %}<a><think>{% endif %}"), said("user", "q"),
        said("assistant", "x"), said("user", "q"), said("assistant", "")),
      "<u>q<a>⟦</think>x<|im_end|>⟧<u>q<a>⟦</think><|im_end|>⟧")
    XCTAssertEqual(
      try marked(loop("\n  " + Self.turn), said("user", "a"), said("assistant", "a")),
      "  <|im_start|>user\na<|im_end|>\n  <|im_start|>assistant\n⟦a<|im_end|>⟧\n")
  }

  /// An end of the text behind the last turn, an empty answer, and a turn that the next one closes.
  func testAnswersEndWithTheirEndTokens() throws {
    let ending = "{% if add_generation_prompt %}<|im_start|>assistant\n{% else %}{{ eos_token }}{% endif %}"
    XCTAssertEqual(
      try marked(
        loop(behind: ending), said("user", "a"), said("assistant", "a"), said("user", "b"), said("assistant", "")),
      "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|>⟧\n"
        + "<|im_start|>user\nb<|im_end|>\n<|im_start|>assistant\n⟦<|im_end|>\n<|endoftext|>⟧")
    let closing = "{% if m.role == 'user' %}<|im_end|>{% else %}<|im_start|>{% endif %}{{ m.content }}"
    XCTAssertEqual(
      try marked(
        loop(closing, behind: "{% if add_generation_prompt %}<|im_start|>{% endif %}"), said("user", "q"),
        said("assistant", "b"), said("user", "c")),
      "<|im_end|>q<|im_start|>⟦b<|im_end|>⟧c")
  }

  /// Earlier thoughts are dropped, the last answer gets some, calls stand for words, and results within the turn are
  /// not said by the assistant.
  func testAnswersAreWhatTheTemplateWritesOfThem() throws {
    let question = "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n"
    let dropping = Self.turn.replacing(
      "{{ m.content }}", with: "{{ m.content if loop.last else m.content.split('</think>')[-1] }}")
    XCTAssertEqual(
      try marked(
        loop(dropping), said("user", "a"), said("assistant", "<think>x</think>b"), said("user", "a"),
        said("assistant", "<think>y</think>b")),
      question + "⟦b<|im_end|>⟧\n" + question + "⟦<think>y</think>b<|im_end|>⟧\n")
    let calling = Self.turn.replacing(
      "{{ m.content }}",
      with: "{% if loop.last and m.role == 'assistant' %}<think></think>{% endif %}{{ m.content }}"
        + "{% for c in m.tool_calls %}<call>{{ c.name }}</call>{% endfor %}")
    XCTAssertEqual(
      try marked(
        loop(calling), said("user", "a"), said("assistant", "", ", \"tool_calls\": [{\"name\": \"f\"}]"),
        said("tool", "5"), said("assistant", "five")),
      question + "⟦<call>f</call><|im_end|>⟧\n<|im_start|>tool\n5<|im_end|>\n<|im_start|>assistant\n"
        + "⟦<think></think>five<|im_end|>⟧\n")
    let within =
      "{% if m.role == 'user' %}{{ m.content }}{% elif m.role == 'assistant' %}<|im_start|>{{ m.content }}"
      + "{% for n in messages if n.role == 'tool' %}<result>{{ n.content }}</result>{% endfor %}<|im_end|>{% endif %}"
    XCTAssertEqual(
      try marked(
        loop(within, behind: "{% if add_generation_prompt %}<|im_start|>{% endif %}"), said("user", "q"),
        said("assistant", "call"), said("tool", "5")),
      "q<|im_start|>⟦call⟧<result>5</result>⟦<|im_end|>⟧")
  }

  /// A template that writes all messages into a variable does not say which is which: the prompt must lie in front.
  func testAnswersThatCannotBeToldAreRefused() throws {
    let all = "{% set all %}{% for m in messages %}\(Self.turn){% endfor %}{% endset %}{{ all }}"
    XCTAssertEqual(
      try marked(all + Self.asks, said("user", "a"), said("assistant", "a")),
      "<|im_start|>user\na<|im_end|>\n<|im_start|>assistant\n⟦a<|im_end|>⟧\n")
    let asks = "{% if add_generation_prompt %}<|im_start|>assistant\n<think>{% endif %}"
    XCTAssertThrowsError(try marked(all + asks, said("user", "a"), said("assistant", "a"))) {
      XCTAssertTrue("\($0)".contains("t.jinja: message 1 cannot be found"), "\($0)")
    }
  }

  /// As transformers gives them to a template: no keys without a value, thoughts under every name.
  func testMessagesAreGivenAsTransformersGivesThem() throws {
    let chat = try conversation([
      said("user", "x", ", \"name\": null"),
      #"{"role": "assistant", "content": null, "tool_calls": null, "reasoning": "r"}"#,
    ])
    func written(_ source: String) throws -> String {
      try ChatTemplate(source, file: "t").text(chat, addingPrompt: false)
    }
    XCTAssertEqual(
      try written("{% for m in messages %}{{ m.role }} {{ m.content }} {{ m.tool_calls is defined }};{% endfor %}"),
      "user x False;assistant  False;")
    XCTAssertEqual(
      try written("{{ messages[1] | tojson }}"),
      #"{"thinking": "r", "role": "assistant", "reasoning": "r", "reasoning_content": "r"}"#)
    XCTAssertEqual(try written("{{ messages[0] | tojson }}"), #"{"role": "user", "content": "x"}"#)
  }

  func testWholeNumbersBeyond64BitsKeepTheirDigits() throws {
    let chat = try conversation([said("user", "x", ", \"n\": [12345678901234567890, -98765432109876543210, 1.5]")])
    let source = "{{ messages[0].n | tojson }} {{ messages[0].n }} {{ messages[0].n[0] is integer }}"
    XCTAssertEqual(
      try ChatTemplate(source, file: "t").text(chat, addingPrompt: false),
      "[12345678901234567890, -98765432109876543210, 1.5] [12345678901234567890, -98765432109876543210, 1.5] True")
  }

  func testShardsOfChatsTrainOnAnswersAlone() throws {
    let tokenizer = try tokenizer()
    let folder = try temporaryFolder().appendingPathComponent("chats")
    defer { try? FileManager.default.removeItem(at: folder.deletingLastPathComponent()) }
    var options = ShardWriter.Options()
    options.recordsAnswers = true
    let writer = try ShardWriter(folder: folder, tokenizer: tokenizer, options: options)
    try writer.append(document: [5, 6, 7, 8, 9], answers: [2..<4])
    try writer.append(document: [10, 11, 12, 13], answers: [1..<2, 3..<4])
    try writer.finish()
    let shards = try TokenShards(folder)
    XCTAssertEqual(try shards.answers(), [2..<4, 6..<7, 8..<9])
    XCTAssertEqual(try shards.answers(in: 3..<7), [true, false, false, true])
    let loader = try BatchLoader(shards, batchSize: 1, sequenceLength: 8, seed: 1, order: .sequential)
    XCTAssertEqual(try loader.batch(step: 0).targets, [-1, 7, 8, -1, -1, 11, -1, 13])
    try shards.verify()
  }

  func testPreferencePairsOfMessages() throws {
    let template = try ChatTemplate(Self.turns, file: "t")
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let file = folder.appendingPathComponent("pairs.jsonl")
    func message(_ role: String, _ content: String) -> String { "{\"role\": \"\(role)\", \"content\": \"\(content)\"}" }
    let (user, yes, no) = (message("user", "Q"), message("assistant", "yes"), message("assistant", "no"))
    let lines = [
      "{\"prompt\": [\(user)], \"chosen\": [\(yes)], \"rejected\": [\(no)]}",
      "{\"chosen\": [\(user), \(yes)], \"rejected\": [\(user), \(no)]}",
      "{\"prompt\": \"p\", \"chosen\": \" a\", \"rejected\": \" b\"}",
    ]
    try writeFile(lines.joined(separator: "\n"), to: file)
    let pairs = try PreferencePair.read(file) { template }
    XCTAssertEqual(pairs.map(\.isChat), [true, true, false])
    XCTAssertEqual(pairs[0].pair, pairs[1].pair)
    XCTAssertEqual(pairs[0].pair.prompt, "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n")
    XCTAssertEqual(pairs[0].pair.chosen, "yes<|im_end|>\n")
    XCTAssertThrowsError(try PreferencePair.read(file)) { XCTAssertTrue("\($0)".contains("pairs.jsonl:1"), "\($0)") }
  }

  // MARK: Stop texts

  func testStopTextsEndAStream() {
    for size in 1..<8 {
      var stops = StopTexts(["</s>", "\nUser:"])
      var shown = ""
      let text = Array("a < b </b>\nUse it.\nUser: c")
      for start in stride(from: 0, to: text.count, by: size) {
        shown += stops.append(String(text[start..<min(start + size, text.count)]))
      }
      XCTAssertEqual(shown + stops.finish(), "a < b </b>\nUse it.", "pieces of \(size)")
      XCTAssertTrue(stops.isDone)
    }
    // The beginning of one that was not decided holds all of another.
    var within = StopTexts(["xyzw", "yz"])
    XCTAssertEqual(within.append("wxyz"), "w")
    XCTAssertEqual(within.finish(), "x")
    XCTAssertTrue(within.isDone)
    var open = StopTexts(["xyz"])
    XCTAssertEqual(open.append("wxy") + "|" + open.finish(), "w|xy")
  }
}
