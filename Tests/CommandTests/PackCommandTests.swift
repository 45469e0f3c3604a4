import Foundation
import Groundwork
import TestKit
import TokenData
import XCTest

/// `shards pack` as people type it.
final class PackCommandTests: XCTestCase {
  func testPackShufflesAndHoldsOut() throws {
    let folder = try temporaryFolder()
    defer { try? FileManager.default.removeItem(at: folder) }
    let text = (0..<400).map { "document number \($0) of many" }.joined(separator: "\n")
    let input = folder.appendingPathComponent("in.txt")
    try writeFile(text, to: input)
    let tokenizer = repositoryRoot().appendingPathComponent("experiments/teachers/tokenizer").path
    func pack(_ name: String, _ options: [String]) throws -> [String] {
      let out = folder.appendingPathComponent(name).path
      try assertSucceeds(
        "shards",
        ["pack", "--input", input.path, "--document-separator", "line", "--tokenizer", tokenizer, "--out", out]
          + options
      )
      return try [out, out + "-held-out"].filter { FileManager.default.fileExists(atPath: $0) }.flatMap {
        let shards = try TokenShards(URL(fileURLWithPath: $0))
        return try (0..<shards.manifest.documents.count).map {
          try Tokenizer.load(from: tokenizer).decode(shards.read(shards.document($0)))
        }
      }
    }
    let plain = try pack("plain", [])
    let mixed = try pack("mixed", ["--shuffle", "7", "--hold-out", "10%"])
    XCTAssertEqual(plain.count, 400)
    XCTAssertNotEqual(plain, mixed)
    XCTAssertEqual(plain.sorted(), mixed.sorted())
    let base = ["pack", "--input", input.path, "--tokenizer", tokenizer, "--out", folder.path + "/no"]
    try assertRefused("shards", base + ["--hold-out", "120%"], status: 2, saying: ["--hold-out", "such as 1%"])
    try assertRefused(
      "shards", base + ["--hold-out", "1%"], status: 2, saying: ["leaves one of the two folders empty"])
  }
}
