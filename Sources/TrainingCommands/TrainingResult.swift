import Commands
import Groundwork
import Recipes

extension OutputFolder {
  /// Prints how every training ends: its first and last loss, and the model that it made.
  public func printTrained() throws {
    if let loss = TrainedLoss(of: url) { try printResult(loss.summary) }
    try printResult("model: \(out)")
  }

  /// Prints a training's result as JSON, with the same.
  public func printTrained(json result: JSONValue) throws {
    let loss = TrainedLoss(of: url)?.json ?? .object([:])
    try printResult(naming(loss.merging(result)).text(pretty: true))
  }
}
