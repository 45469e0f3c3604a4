import Foundation
import Groundwork
import TestKit
import XCTest

@testable import TokenData

/// Preference pairs as JSON Lines: what is read, and one clear line for everything that is refused.
final class PreferenceFileTests: XCTestCase {
  private var folder = URL(fileURLWithPath: "/")

  override func setUpWithError() throws { folder = try temporaryFolder() }
  override func tearDown() { try? FileManager.default.removeItem(at: folder) }

  private func write(_ text: String) throws -> URL {
    let url = folder.appendingPathComponent("pairs.jsonl")
    try writeFile(text, to: url)
    return url
  }

  private let good = #"{"prompt": "Q:", "chosen": " yes", "rejected": " no"}"#

  func testPairsAreReadWithTheirLines() throws {
    let text = "\(good)\n\n  \r\n" + #"{"id": 7, "rejected": "\nb", "chosen": " ä", "prompt": "p"}"#
    let found = try PreferencePair.read(write(text))
    XCTAssertEqual(found.map(\.line), [1, 4])
    XCTAssertEqual(found[0].pair, PreferencePair(prompt: "Q:", chosen: " yes", rejected: " no"))
    XCTAssertEqual(found[1].pair, PreferencePair(prompt: "p", chosen: " ä", rejected: "\nb"))
  }

  /// Equal characters of other bytes are two texts.
  func testRepliesThatDifferInNormalizationAlone() throws {
    let line = #"{"prompt": "Q:", "chosen": " caf\u00e9", "rejected": " cafe\u0301"}"#
    let pair = try XCTUnwrap(try PreferencePair.read(write(line)).first?.pair)
    XCTAssertEqual(Array(pair.chosen.utf8).count + 1, Array(pair.rejected.utf8).count)
  }

  private func said(_ role: String, _ content: String) -> String {
    #"{"role": "\#(role)", "content": "\#(content)"}"#
  }

  private func template(_ asks: String = "<|im_start|>assistant\n", before: String = "") throws -> ChatTemplate {
    try ChatTemplate(
      before + "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"
        + "{% if add_generation_prompt %}\(asks){% endif %}", file: "t.jinja")
  }

  /// UltraFeedback's among them: the prompt as a text and once more in front of both replies.
  func testLayoutsOfMessages() throws {
    let (user, yes, no) = (said("user", "Q"), said("assistant", "yes"), said("assistant", "no"))
    func line(_ prompt: String, _ opening: String = "") -> String {
      #"{\#(prompt)"chosen": [\#(opening)\#(yes)], "rejected": [\#(opening)\#(no)]}"#
    }
    let (text, list) = (#""prompt": "Q", "#, #""prompt": [\#(user)], "#)
    let lines: [String] = [
      line("", "\(user), "), line(list), line(list, "\(user), "), line(text, "\(user), "), line(text),
      line(#""prompt": null, "#, "\(user), "), line(#""prompt": "", "#, "\(user), "),
      line(#""prompt": [], "#, "\(user), "), #"{\#(list)"chosen": "yes", "rejected": "no"}"#,
      #"{\#(text)"tools": null, "chosen": [\#(user), \#(yes)], "rejected": [\#(user), \#(no)]}"#,
    ]
    let template = try template()
    let pairs = try PreferencePair.read(write(lines.joined(separator: "\n"))) { template }
    XCTAssertEqual(pairs.map(\.isChat), lines.map { _ in true })
    for (line, found) in zip(lines, pairs) {
      XCTAssertEqual(
        found.pair,
        PreferencePair(
          prompt: "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n", chosen: "yes<|im_end|>\n",
          rejected: "no<|im_end|>\n"), line)
    }
    let system = said("system", "S")
    let both = [
      line(#""prompt": [\#(system), \#(user)], "#, "\(user), "), line(text, "\(system), \(user), "),
    ]
    let ruled = try PreferencePair.read(write(both.joined(separator: "\n"))) { template }
    XCTAssertEqual(ruled[0].pair, ruled[1].pair)
    XCTAssertEqual(ruled[0].pair.prompt, "<|im_start|>system\nS<|im_end|>\n" + pairs[0].pair.prompt)
  }

  func testLayoutsThatCannotBeReadAreTold() throws {
    let (user, yes) = (said("user", "Q"), said("assistant", "yes"))
    let template = try template("{{ raise_exception('no way') if messages[0].content == 'bad' }}")
    for (line, words) in [
      (#"{"chosen": [\#(user), \#(yes)]}"#, #"has no "rejected""#),
      (#"{"prompt": [\#(user)], "chosen": 7, "rejected": "no"}"#, #"has no messages in "chosen""#),
      (#"{"prompt": [{"content": "Q"}], "chosen": "yes", "rejected": "no"}"#, #"message 0 has no role in "prompt""#),
      (#"{"prompt": "other", "chosen": [\#(user), \#(yes)], "rejected": [\#(user), \#(yes)]}"#, "no message says"),
      (#"{"chosen": [\#(user), \#(yes)], "rejected": [\#(user), \#(yes)]}"#, "the same messages twice"),
    ] {
      let url = try write("\(good)\n\(line)")
      XCTAssertThrowsError(try PreferencePair.read(url) { template }, line) { error in
        for word in ["\(url.path):2: ", words, "expected {\"prompt\": text", "lists of messages"] {
          XCTAssertTrue("\(error)".contains(word), "\(error)")
        }
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 1, "\(error)")
      }
    }
    let url = try write(#"{"prompt": [\#(said("user", "bad"))], "chosen": "yes", "rejected": "no"}"#)
    XCTAssertThrowsError(try PreferencePair.read(url) { template }) { error in
      XCTAssertTrue("\(error)".contains("\(url.path):1, t.jinja: template line "), "\(error)")
      XCTAssertTrue("\(error)".contains("no way"), "\(error)")
    }
  }

  /// What the template writes for tools and thoughts is the prompt's where it lies in front of both replies.
  func testPairsWithToolsAndThoughts() throws {
    let replies = #""prompt": [\#(said("user", "Q"))], "chosen": "yes", "rejected": "no""#
    let tools = try template(before: "{% if tools %}{{ tools[0].name }}: {% endif %}")
    let pair = try PreferencePair.read(write(#"{\#(replies), "tools": [{"name": "f"}]}"#)) { tools }[0].pair
    XCTAssertEqual(pair.prompt, "f: <|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n")
    let thinking = try template("<|im_start|>assistant\n<think>\n")
    let other = try PreferencePair.read(write("{\(replies)}")) { thinking }[0].pair
    XCTAssertEqual(other.prompt, "<|im_start|>user\nQ<|im_end|>\n<|im_start|>assistant\n")
    XCTAssertEqual([other.chosen, other.rejected], ["yes<|im_end|>\n", "no<|im_end|>\n"])
  }

  /// As `shards pack` reads its files.
  func testPackedFilesAreReadAndListsAreTold() throws {
    let url = try write("\(good)\n\(good)\n")
    XCTAssertEqual(try launch("/bin/bash", ["-c", "gzip -k '\(url.path)'"]).status, 0)
    XCTAssertEqual(
      try PreferencePair.read(URL(fileURLWithPath: url.path + ".gz")).map(\.pair),
      try PreferencePair.read(url).map(\.pair))
    let list = try write("[\n\(good)\n]\n")
    XCTAssertThrowsError(try PreferencePair.read(list)) {
      XCTAssertTrue("\($0)".contains("is one JSON array") && "\($0)".contains("jq -c '.[]'"), "\($0)")
    }
  }

  func testBadLinesAreRefusedWithTheirPlace() throws {
    let lines = [
      (#"{"prompt": "Q:", "chosen": " yes"}"#, #"no key "rejected""#),
      (#"{"chosen": " yes", "rejected": " no"}"#, #"no key "prompt""#),
      (#"{"prompt": "Q:", "chosen": "", "rejected": " no"}"#, #"an empty "chosen""#),
      (#"{"prompt": "Q:", "chosen": " yes", "rejected": " \n"}"#, #"an empty "rejected""#),
      (#"{"prompt": "", "chosen": " yes", "rejected": " no"}"#, #"an empty "prompt""#),
      (#"{"prompt": "Q:", "chosen": ["yes"], "rejected": " no"}"#, "chat template"),
      (#"{"prompt": "Q:", "chosen": null, "rejected": " no"}"#, #"a wrong value for "chosen""#),
      (#"{"prompt": "Q:", "chosen": " yes", "rejected": " yes"}"#, "the same text"),
      (#"{"prompt": "Q:", "chosen": " yes", "rejec"#, "is not valid JSON"),
      ("just text", "is not valid JSON"), ("[1, 2]", "no JSON object"), ("7", "no JSON object"),
    ]
    for (line, reason) in lines {
      let url = try write("\(good)\n\(line)\n\(good)\n")
      XCTAssertThrowsError(try PreferencePair.read(url), line) { error in
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 1, "\(error)")
        XCTAssert("\(error)".contains("\(url.path):2"), "\(error)")
        XCTAssert("\(error)".contains(reason), "\(error)")
      }
    }
    for empty in ["", "\n \n"] {
      let url = try write(empty)
      XCTAssertThrowsError(try PreferencePair.read(url)) { error in
        XCTAssertEqual((error as? UpcycleError)?.exitCode, 1, "\(error)")
        XCTAssert("\(error)".contains("holds no preference pairs"), "\(error)")
      }
    }
    XCTAssertThrowsError(try PreferencePair.read(folder.appendingPathComponent("absent.jsonl"))) {
      XCTAssert("\($0)".contains("absent.jsonl"), "\($0)")
    }
  }
}
