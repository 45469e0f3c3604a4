import Evaluation
import Foundation
import Groundwork
import TokenData

/// The Python functions that published tasks name (`!function module.name`), as templates that write the same.
enum TaskFunctions {
  /// Instead of a template of the task.
  static let templates: [String: String] = [
    "preprocess_winogrande.doc_to_text": "{{ {'1': 0, '2': 1}[answer] }}",
    "preprocess_winogrande.doc_to_target": "{{ sentence[sentence.index('_') + 1:].strip() }}",
    "preprocess_winogrande.doc_to_choice":
      "{{ [sentence[:sentence.index('_')] ~ option1, sentence[:sentence.index('_')] ~ option2] }}",
    "preprocess_race.doc_to_text": """
    Article: {{ article }}

    {% for problem in problems[:-1] %}\
    {% set answer = problem.options['ABCD'.index(problem.answer)] %}\
    {% if problem.question[-6:] == '  _  .' %}{{ problem.question[:-5] }}{{ answer }}{{ '\\n' }}\
    {% else %}Question: {{ problem.question }}{{ '\\n' }}Answer: {{ answer }}{{ '\\n' }}{% endif %}\
    {% endfor %}{{ problems[-1].question }}
    """,
    "preprocess_race.doc_to_choice": "{{ problems[-1].options[:4] }}",
    "preprocess_race.doc_to_target": "{{ 'ABCD'.index(problems[-1].answer) }}",
    "preprocess_pubmedqa.doc_to_text":
      "Abstract: {{ CONTEXTS | join('\\n') }}\nQuestion: {{ QUESTION }}\nAnswer:",
  ]

  /// HellaSwag's `process_docs`: the question and the choices without the marks of the texts that they come from.
  static func hellaswag(_ documents: [JSONValue], name: (Int) -> String) throws -> [JSONValue] {
    let mark = " [title]"
    func cleaned(_ expression: String) -> String { "{{ (\(expression)).strip().replace('\(mark)', '. ') }}" }
    func texts(_ source: String, _ documents: [JSONValue], _ name: (Int) -> String) throws -> [String] {
      try DocumentTemplate(source, at: "utils.process_docs").texts(documents, name: name).map(withoutBrackets)
    }
    let queries = try texts(
      cleaned("activity_label ~ ': ' ~ ctx_a ~ ' ' ~ ctx_b.capitalize()"), documents, name)
    return try documents.enumerated().map { index, document in
      guard var object = document.object, let endings = document["endings"]?.array else {
        throw UpcycleError("has no list of \"endings\"", at: name(index))
      }
      object["query"] = .string(queries[index])
      let parts = endings.map { JSONValue.object(["ending": $0]) }
      object["choices"] = .array(try texts(cleaned("ending"), parts) { _ in name(index) }.map { .string($0) })
      object["gold"] = document["label"]?.string.flatMap(Int.init).map { .int($0) } ?? document["label"]
      return .object(object)
    }
  }

  /// `re.sub(r"\[.*?\]", "", text)`, then single blanks for double ones.
  private static func withoutBrackets(_ text: String) -> String {
    var out = String.UnicodeScalarView()
    var rest = text.unicodeScalars[...]
    while let open = rest.firstIndex(of: "[") {
      let line = rest[open...].prefix { $0 != "\n" }
      guard let close = line.firstIndex(of: "]") else {
        out.append(contentsOf: rest[...open])
        rest = rest[rest.index(after: open)...]
        continue
      }
      out.append(contentsOf: rest[..<open])
      rest = rest[rest.index(after: close)...]
    }
    out.append(contentsOf: rest)
    return String(out).replacing("  ", with: " ")
  }

  /// RACE keeps its problems as a text of Python.
  static func race(_ documents: [JSONValue], name: (Int) -> String) throws -> [JSONValue] {
    try documents.enumerated().map { index, document in
      guard var object = document.object, let text = document["problems"]?.string else { return document }
      guard let problems = pythonLiteral(text) else {
        throw UpcycleError("\"problems\" is no Python list", at: name(index))
      }
      object["problems"] = problems
      return .object(object)
    }
  }
}
