import Collectives
import Commands
import Foundation

/// The place of `--timeline`, a trace and a CSV of the same name beside it.
/// - Throws: usage errors where either would replace something else
func timelineFile(_ path: String) throws -> URL {
  let url = try outputFile(path, "--timeline", replacing: "json")
  try Timeline.requirePlace(url, at: "--timeline")
  return url
}
