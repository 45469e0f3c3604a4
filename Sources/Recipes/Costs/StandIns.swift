import Foundation
import Groundwork
import ModelCore
import Published

/// Which published model each model of the ladder stands for, as the checkout's list says.
struct StandIns {
  private let file: URL
  private let names: [String: JSONValue]

  init() throws {
    file = try Places().teachers.appendingPathComponent("stand-ins.json5")
    names = try JSONObject(JSONValue(contentsOf: file, json5: true), in: file.path).values
  }

  /// The preset of the model that another one stands for.
  /// - Throws: where the list has no such model
  func published(_ name: String) throws -> String {
    guard let published = names[name]?.string else {
      throw UpcycleError(
        "says of no published model that \"\(name)\" stands for it", at: file.path,
        expected: names.keys.sorted().joined(separator: ", "))
    }
    return published
  }
}
