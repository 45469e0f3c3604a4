import Evaluation
import Groundwork
import LabKit
import ModelCore
import TokenData

/// What a model goes on with.
struct SampleParameters: StageParameters {
  var prompt: String
  /// At most.
  var newTokens: Int
  /// 0 is greedy.
  var temperature: Double
  /// nil: all tokens.
  var topP: Double?

  enum CodingKeys: String, CodingKey, CaseIterable {
    case prompt
    case newTokens = "new_tokens"
    case temperature
    case topP = "top_p"
  }
}

/// `sample`: a text that the model goes on with after `prompt`, until an end token or `new_tokens`; every token drawn at `temperature`
/// among the most probable that hold `top_p`, by the run's seed. Text `text`: prompt and continuation; metric `tokens`: the new ones.
let sampleStage = Stage(
  name: "sample", version: 1, parents: ["model"], parameters: SampleParameters.self,
  run: { context, parameters in
    let folder = try context.parent("model").folder
    let tokenizer = try Tokenizer.load(from: folder)
    let model = try LanguageModel(folder: folder)
    try requireMatch(model.config, tokenizer)
    var stream = TextStream(tokenizer, continuing: true)
    var text = parameters.prompt
    let report = try generate(
      model, prompt: tokenizer.prompt(parameters.prompt), maximum: parameters.newTokens,
      sampling: SamplingOptions(
        temperature: parameters.temperature, topP: parameters.topP, seed: UInt64(context.seed)),
      ends: model.config.endTokens(with: tokenizer)
    ) { token in
      text += stream.append(token)
      return !context.isInterrupted
    }
    try context.checkInterrupt()
    text += stream.finish()
    return StageResult(metrics: ["tokens": Metric(Double(report.newTokens))], texts: ["text": text])
  })
