import Autograd
import ModelCore

extension LanguageModel {
  /// Shows what the mixers of some layers read over calibration text, normed: [tokens of a batch, D].
  /// - Parameters:
  ///   - windows: token ids, equally long
  ///   - body: called with a tape that does not record, the layer and its input; batch by batch, bottom to top
  /// - Returns: how many tokens there were
  func eachMixerInput(
    of chosen: [Int], windows: [[Int32]], _ body: @escaping (Tape, Int, Variable) -> Void
  ) -> Int {
    let batch = 8  // windows of a forward pass
    let wanted = Set(chosen)
    var tokens = 0
    for start in stride(from: 0, to: windows.count, by: batch) {
      let part = windows[start..<min(start + batch, windows.count)]
      let (ids, time) = (part.flatMap { $0 }, part.first!.count)
      let tape = Tape(recording: false)
      func show(_ x: Variable, layer: Int) {
        if wanted.contains(layer) { body(tape, layer, self.layers[layer].mixerInput(tape, ResidualStreams(x))) }
      }
      let positions = sequencePositions(batch: ids.count / time, time: time)
      show(embedded(tape, ids, positionIds: positions, leading: [ids.count]), layer: 0)
      _ = hidden(tape, ids: ids, batch: part.count, time: time) { show($1, layer: $0 + 1) }
      tokens += ids.count
    }
    return tokens
  }
}
