import Groundwork
import ModelCore
import TokenData

/// Says how many questions are longer than the model's positions, or than what an answer leaves of them: they lose
/// their beginnings.
/// - Parameter questions: of each the longest text that is read, and how many tokens an answer may add; nil: the text
///   ends with the answer
public func noteCutQuestions(
  _ questions: [(text: String, answerTokens: Int?)], _ config: ModelConfig, _ tokenizer: Tokenizer
) {
  let positions = config.readablePositions
  let cut = questions.count { question in
    // The last token of a choice is only predicted.
    let room = question.answerTokens.map { positions - $0 } ?? positions + 1
    // A token is a byte at least, but for what the tokenizer puts in front.
    if question.text.utf8.count + tokenizer.documentStart.count <= room { return false }
    return tokenizer.prompt(question.text).count > room
  }
  if cut > 0 {
    let whole = counted(questions.count, "question")
    printNote("note: \(formatCount(cut)) of \(whole) exceed \(positions) positions and lose their beginnings")
  }
}
