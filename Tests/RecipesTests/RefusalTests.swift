import Distillation
import Foundation
import Groundwork
import ModelCore
import TestKit
import TokenData
import Upcycling
import XCTest

@testable import Recipes

/// What trainings refuse before anything long begins, and what a folder's finished run may not be taken for.
final class RefusalTests: XCTestCase {
  private var fixture: RecipeFixture!

  override func setUpWithError() throws { fixture = try RecipeFixture(preset: "nano-1b", layers: 2) }
  override func tearDown() { fixture.remove() }

  private let plan = TrainingPlan(tokens: 128, batch: 2, time: 16)

  private func assertRefused(
    _ words: String, line: UInt = #line, _ body: () throws -> Void
  ) {
    XCTAssertThrowsError(try body(), line: line) { XCTAssertTrue("\($0)".contains(words), "\($0)", line: line) }
  }

  /// A copy of the base with another vocabulary or tokenizer.
  private func model(
    _ name: String, _ tokenizer: Tokenizer? = nil, change: (inout ModelConfig) -> Void = { _ in }
  ) throws -> URL {
    var config = try ModelConfig(contentsOf: fixture.base)
    change(&config)
    try LanguageModel(config, seed: 3).save(to: fixture[name])
    try (tokenizer ?? Tokenizer.load(from: fixture.base)).save(to: fixture[name])
    return fixture[name]
  }

  /// Such as a chat token beyond `vocab_size`: its row would be read and written behind the embedding's end.
  func testTokensWithoutRowsAreRefused() throws {
    let narrow = try model("narrow") { $0.vocabularySize -= 8 }
    let mamba = MambaConversion(layers: .all)
    assertRefused("the teacher has another vocabulary") {
      try Distilling(student: fixture.base, teacher: narrow, data: fixture.shards, plan: plan).run(in: fixture["out"])
    }
    let trainings: [(URL) throws -> Void] = [
      { _ = try Distilling(student: narrow, teacher: nil, data: self.fixture.shards, plan: self.plan).run(in: $0) },
      {
        try IntermediateDistilling(
          base: narrow, student: .replacing(mamba), data: self.fixture.shards,
          plan: IntermediatePlan(tokens: 128, batch: 2, time: 16)
        ).run(in: $0)
      },
      {
        try SuperNetworkDistilling(
          base: narrow, replacement: mamba, data: self.fixture.shards,
          plan: IntermediatePlan(tokens: 128, batch: 2, time: 16, trained: .mixers)
        ).run(in: $0)
      },
    ]
    for training in trainings {
      assertRefused("the tokenizer does not match the model") { try training(fixture["out"]) }
    }
    let config = try ModelConfig(contentsOf: narrow)
    assertRefused("vocabulary is not the model's") { _ = try fixture.shards.firstWindows(1, for: config) }
    XCTAssertFalse(FileManager.default.fileExists(atPath: fixture["out"].path))
  }

  /// Two vocabularies of one size are not one.
  func testATeacherOfAnotherTokenizerIsRefused() throws {
    let other = try Tokenizer.load(
      from: repositoryRoot().appendingPathComponent("experiments/teachers/world2/nano-1b-seed1"))
    let teacher = try model("other", other)
    var plan = plan
    (plan.klWeight, plan.ceWeight) = (1, 0)
    assertRefused("another tokenizer than the student") {
      try Distilling(student: fixture.base, teacher: teacher, data: fixture.shards, plan: plan).run(in: fixture["out"])
    }
  }

  /// What the last stage of several would refuse is refused before the first one trains: another tokenizer of as many ids, and
  /// a folder that holds another model.
  func testChainsRefuseBeforeTheirFirstStage() throws {
    let teacher = try model("swapped")
    let file = teacher.appendingPathComponent("tokenizer.json")
    var tokenizer = try XCTUnwrap(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    var pieces = try XCTUnwrap(tokenizer["model"] as? [String: Any])
    var vocabulary = try XCTUnwrap(pieces["vocab"] as? [String: Int])
    (vocabulary["a"], vocabulary["b"]) = (try XCTUnwrap(vocabulary["b"]), try XCTUnwrap(vocabulary["a"]))
    pieces["vocab"] = vocabulary
    tokenizer["model"] = pieces
    try JSONSerialization.data(withJSONObject: tokenizer).write(to: file)
    func mohawk(teacher: URL? = nil) throws -> MohawkDistilling {
      MohawkDistilling(
        base: fixture.base, teacher: teacher, conversion: MambaConversion(), data: fixture.shards,
        plans: try .init(tokens: 1024, shares: [1, 1, 2], batch: 2, time: 16), work: fixture["work"])
    }
    assertRefused("another tokenizer than the base") { try mohawk(teacher: teacher).run(in: fixture["out"]) }
    let kept = try model("kept")
    assertRefused("holds a model already") { try mohawk().run(in: kept) }
    let trained = fixture["trained"]
    try Distilling(student: fixture.base, teacher: nil, data: fixture.shards, plan: plan).run(in: trained)
    assertRefused("other settings") { try mohawk().run(in: trained) }
    assertRefused("is where the base lies") { try mohawk().run(in: fixture.base) }
    try Data("mine".utf8).write(to: trained.appendingPathComponent("notes.txt"))
    assertRefused("holds what this command did not make") { try mohawk().run(in: trained, force: true) }
    var inside = try mohawk()
    inside.work = fixture["out/work"]
    assertRefused("lies in the folder of the model") { try inside.run(in: fixture["out"]) }
    XCTAssertFalse(FileManager.default.fileExists(atPath: fixture["work"].path), "nothing was trained before")
  }

  /// Sizes of one family have one tokenizer, and embeddings padded to different numbers of rows.
  func testATeacherMayBePaddedFurther() throws {
    let padded = try model("padded") { $0.vocabularySize += 8 }
    var plan = plan
    (plan.klWeight, plan.ceWeight) = (1, 0)
    try Distilling(student: fixture.base, teacher: padded, data: fixture.shards, plan: plan).run(in: fixture["out"])
    // Nothing says that its tokens are the student's.
    try FileManager.default.removeItem(at: padded.appendingPathComponent("tokenizer.json"))
    assertRefused("the teacher has another vocabulary") {
      try Distilling(student: fixture.base, teacher: padded, data: fixture.shards, plan: plan).run(in: fixture["other"])
    }
  }

  func testAFinishedRunIsNotTakenForOneInAnotherType() throws {
    var recipe = Distilling(student: fixture.base, teacher: nil, data: fixture.shards, plan: plan)
    try recipe.run(in: fixture["out"])
    recipe.type = .float16
    assertRefused("holds this model in another type") { try recipe.run(in: fixture["out"]) }
    try recipe.run(in: fixture["out"], force: true)
    XCTAssertEqual(
      try CheckpointReader(fixture["out"]).writableType(of: ModelConfig(contentsOf: fixture["out"])), .float16)
  }

  func testPreferencesAreMeasuredOnTheHeldOutPairsThatWereAskedFor() throws {
    let plan = PreferencePlan(pairs: 4, batch: 2)
    func measured(_ pairs: Int) throws -> Int {
      try Preferring(model: fixture.base, data: PreferenceData(microworldPairs: 4, heldOut: pairs), plan: plan)
        .run(in: fixture["out"]).heldOutPairs
    }
    XCTAssertEqual(try measured(2), 2)
    assertRefused("holds a run with other settings") { _ = try measured(3) }
  }

  /// Two models in several files have indices that say the same.
  func testTheIdentityOfAModelInSeveralFilesIsThatOfItsWeights() throws {
    let config = try ModelConfig(contentsOf: fixture.base)
    let identities = try [UInt64(1), 2].map { seed in
      let folder = fixture["sharded \(seed)"]
      try LanguageModel(config, seed: seed).save(to: folder, shardBytes: 100_000)
      XCTAssertTrue(
        FileManager.default.fileExists(atPath: folder.appendingPathComponent(CheckpointReader.indexName).path))
      return try modelIdentity(folder)
    }
    XCTAssertNotEqual(identities[0], identities[1])
  }

  func testHeldOutTextOfOneTokenIsTooLittle() throws {
    let folder = fixture["one"]
    let tokenizer = try Tokenizer.load(from: fixture.base)
    let writer = try ShardWriter(folder: folder, tokenizer: tokenizer)
    try writer.append(document: [5])
    _ = try writer.finish()
    let one = try TokenShards(folder, tokenizer: tokenizer)
    let model = try LanguageModel(folder: fixture.base)
    assertRefused("too little text") { _ = try heldOutLoss(model, one, time: 16) }
  }

  /// Answers are what shards of chats record, whatever their text says, or what follows a marker.
  func testTextWithoutAnswersIsRefused() throws {
    let moe = try RecipeFixture(preset: "nano-qwen-moe", layers: 2)
    defer { moe.remove() }
    func run(_ data: TokenShards) throws {
      _ = try SelfDistilling(student: moe.base, teacher: moe.base, data: data, plan: plan).run(in: moe["out"])
    }
    assertRefused("holds no answers to learn on") { try run(moe.shards) }
    let tokenizer = try Tokenizer.load(from: moe.base)
    var options = ShardWriter.Options()
    options.recordsAnswers = true
    let writer = try ShardWriter(folder: moe["chats"], tokenizer: tokenizer, options: options)
    for number in 0..<60 {
      let ids = tokenizer.encodeDocument("The cat \(number) sat on mat \(number * 7 % 13).")
      try writer.append(document: ids, answers: [1..<ids.count])
    }
    _ = try writer.finish()
    try run(TokenShards(moe["chats"], tokenizer: tokenizer))
    let losses = try RunDirectory(moe["out"]).readMetrics().column("loss")
    XCTAssertTrue(losses.count == plan.steps && losses.allSatisfy { $0 > 0 }, "\(losses)")
  }

  /// `--force` over another run begins with an empty history of validations.
  func testAForcedRunForgetsTheValidationsOfTheFormer() throws {
    let moe = try RecipeFixture(preset: "nano-qwen-moe", layers: 2)
    defer { moe.remove() }
    func run(seed: UInt64, force: Bool) throws -> SelfDistilling.Outcome {
      var recipe = SelfDistilling(
        student: moe.base, teacher: moe.base, data: moe.shards, heldOut: moe.shards,
        plan: TrainingPlan(tokens: 128, batch: 2, time: 16, seed: seed))
      recipe.answersOnly = false
      recipe.stopping = EarlyStopping(metric: .loss, every: 1)
      return try recipe.run(in: moe["out"], force: force)
    }
    let fresh = try run(seed: 2, force: false)
    try FileManager.default.removeItem(at: moe["out"])
    _ = try run(seed: 1, force: false)
    XCTAssertEqual(try run(seed: 2, force: true).validation.map(\.value), fresh.validation.map(\.value))
  }
}
