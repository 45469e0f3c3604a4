// swift-tools-version: 6.0
import PackageDescription

// Modules, lower never imports higher (README, "Architecture"). The C libraries come from
// Debian packages that Scripts/setup.sh installs; CKernels holds our own hot loops.
let package = Package(
  name: "upcycle",
  products: [
    .executable(name: "xecomla", targets: ["xecomla"]),
    .executable(name: "zebra", targets: ["zebra"]),
    .executable(name: "hylo", targets: ["hylo"]),
    .executable(name: "farskip", targets: ["farskip"]),
    .executable(name: "hybrid", targets: ["hybrid"]),
    .executable(name: "shards", targets: ["shards"]),
    .executable(name: "lab", targets: ["lab"]),
    .executable(name: "bench", targets: ["bench"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
  ],
  targets: [
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CZlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CUTF8proc", providers: [.apt(["libutf8proc-dev"])]),
    .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CKernels", linkerSettings: [.linkedLibrary("m"), .linkedLibrary("pthread")]),
    .target(name: "CSystem"),

    .target(name: "Groundwork", dependencies: ["CCrypto", "CSystem"]),
    .target(name: "TensorCore", dependencies: ["COpenBLAS", "CKernels", "CSystem", "Groundwork"]),
    .target(name: "Autograd", dependencies: ["CKernels", "Groundwork", "TensorCore"]),
    .target(name: "ModelCore", dependencies: ["CKernels", "CSystem", "Groundwork", "TensorCore", "Autograd"]),
    // Presets and facts of the papers: Data links to the files below experiments, which are compiled in, so that programs
    // know them wherever they run.
    .target(
      name: "Published", dependencies: ["Groundwork", "ModelCore"],
      resources: [
        "presets-dense.json5", "presets-experts.json5", "presets-ladder.json5", "xecomla-kv.csv",
        "xecomla-parameters.csv", "xecomla-facts.csv", "hylo-models.csv", "hylo-layers.csv", "hylo-reductions.csv",
      ].map { .embedInCode("Data/\($0)") }),
    .target(name: "TokenData", dependencies: ["CZstd", "CZlib", "CUTF8proc", "Groundwork"]),
    // The microworlds: what is said in them, their tasks and RULER's.
    .target(name: "Worlds", dependencies: ["Groundwork", "TokenData"]),
    .target(
      name: "Distillation",
      dependencies: ["CKernels", "Groundwork", "TensorCore", "Autograd", "ModelCore", "TokenData"]),
    .target(
      name: "Evaluation",
      dependencies: [
        "CKernels", "Groundwork", "TensorCore", "Autograd", "ModelCore", "TokenData", "Worlds",
      ]),
    // lm-evaluation-harness's tasks from their YAML files; only `hybrid evaluate` reads them.
    .target(
      name: "PublishedTasks",
      dependencies: [.yams, "Groundwork", "ModelCore", "TokenData", "Evaluation"]),
    .target(
      name: "Upcycling",
      dependencies: ["Groundwork", "TensorCore", "Autograd", "ModelCore", "Published", "TokenData"]),
    .target(name: "COpenMPI"),
    .target(
      name: "Collectives", dependencies: ["Groundwork", "TensorCore", "ModelCore", "Published", "COpenMPI"]),
    .target(
      name: "Parallelism",
      dependencies: ["CKernels", "Groundwork", "TensorCore", "Autograd", "ModelCore", "Distillation", "Collectives"]),
    .target(name: "LabKit", dependencies: ["CZstd", "Groundwork"]),
    .target(
      name: "Recipes",
      dependencies: [
        "CKernels", "Groundwork", "TensorCore", "Autograd", "ModelCore", "Published", "TokenData", "Worlds",
        "Distillation",
        "Evaluation", "Upcycling", "Collectives", "Parallelism", "LabKit",
      ]),

    // The modelling file that an export puts beside the weights is compiled in.
    .target(
      name: "Export", dependencies: ["Groundwork", "TensorCore", "Autograd", "ModelCore", "TokenData", "Upcycling"],
      resources: [.embedInCode("Transformers/modeling_upcycle.py")]),

    .target(name: "Commands", dependencies: [.argumentParser, "Groundwork", "TensorCore"]),
    .target(
      name: "TrainingCommands",
      dependencies: [
        .argumentParser, "Groundwork", "TensorCore", "ModelCore", "TokenData", "Worlds", "Distillation", "Upcycling",
        "Collectives",
        "Parallelism", "Recipes", "Commands",
      ]),
    .executableTarget(
      name: "xecomla",
      dependencies: [
        .argumentParser, "Groundwork", "TensorCore", "ModelCore", "TokenData", "Upcycling", "Commands",
        "TrainingCommands",
      ]),
    .executableTarget(
      name: "zebra",
      dependencies: [
        .argumentParser, "Groundwork", "TensorCore", "ModelCore", "TokenData", "Distillation", "Upcycling", "LabKit",
        "Recipes", "Commands", "TrainingCommands",
      ]),
    .executableTarget(
      name: "hylo",
      dependencies: [
        .argumentParser, "Groundwork", "TensorCore", "ModelCore", "TokenData", "Distillation", "Evaluation",
        "Upcycling", "Recipes", "Commands", "TrainingCommands",
      ]),
    .executableTarget(
      name: "farskip",
      dependencies: [
        .argumentParser, "Groundwork", "TensorCore", "ModelCore", "TokenData", "Distillation", "Evaluation",
        "Upcycling", "Collectives", "LabKit", "Recipes", "Commands", "TrainingCommands",
      ]),
    .executableTarget(
      name: "hybrid",
      dependencies: [
        .argumentParser, "Groundwork", "TensorCore", "ModelCore", "Published", "TokenData", "Worlds", "Distillation",
        "Evaluation", "PublishedTasks", "Upcycling", "LabKit", "Recipes", "Export", "Commands", "TrainingCommands",
      ]),
    .executableTarget(
      name: "shards", dependencies: [.argumentParser, "Groundwork", "TokenData", "Worlds", "Commands"]),
    .executableTarget(
      name: "lab", dependencies: [.argumentParser, "Groundwork", "TensorCore", "LabKit", "Recipes", "Commands"]),
    .executableTarget(
      name: "bench",
      dependencies: [
        .argumentParser, "CKernels", "Groundwork", "TensorCore", "Autograd", "ModelCore", "Published", "TokenData",
        "Worlds", "Distillation", "Evaluation", "Upcycling", "LabKit", "Recipes", "Commands",
      ]),

    .target(name: "TestKit", dependencies: ["Groundwork", "TensorCore", "Autograd"], path: "Tests/TestKit"),
    .testTarget(name: "GroundworkTests", dependencies: ["Groundwork", "TestKit"]),
    .testTarget(name: "TensorCoreTests", dependencies: ["CKernels", "Groundwork", "TensorCore", "TestKit"]),
    .testTarget(name: "AutogradTests", dependencies: ["CKernels", "Groundwork", "TensorCore", "Autograd", "TestKit"]),
    .testTarget(
      name: "ModelCoreTests",
      dependencies: ["Groundwork", "TensorCore", "Autograd", "ModelCore", "Published", "TestKit"]),
    .testTarget(name: "PublishedTests", dependencies: ["ModelCore", "Published"]),
    .testTarget(
      name: "HouseTests", dependencies: ["Groundwork", "TensorCore", "Autograd", "ModelCore", "TestKit"]),
    .testTarget(
      name: "TokenDataTests", dependencies: ["Groundwork", "TokenData", "TestKit"], exclude: ["Goldens"]),
    .testTarget(name: "WorldsTests", dependencies: ["Groundwork", "TokenData", "Worlds", "TestKit"]),
    .testTarget(
      name: "DistillationTests",
      dependencies: ["Groundwork", "TensorCore", "Autograd", "ModelCore", "TokenData", "Distillation", "TestKit"]),
    .testTarget(
      name: "EvaluationTests",
      dependencies: [
        "Groundwork", "TensorCore", "Autograd", "ModelCore", "TokenData", "Worlds", "Evaluation", "TestKit",
      ]),
    .testTarget(
      name: "PublishedTasksTests",
      dependencies: ["Groundwork", "ModelCore", "TokenData", "Worlds", "Evaluation", "PublishedTasks", "TestKit"],
      exclude: ["Goldens"]),
    .testTarget(
      name: "UpcyclingTests",
      dependencies: [
        "Groundwork", "TensorCore", "Autograd", "ModelCore", "Published", "Upcycling", "Export", "TestKit",
      ]),
    .testTarget(name: "CollectivesTests", dependencies: ["Groundwork", "Collectives", "TestKit"]),
    .testTarget(
      name: "ParallelismTests",
      dependencies: [
        "Groundwork", "TensorCore", "Autograd", "ModelCore", "Distillation", "Collectives", "Parallelism", "TestKit",
      ]),
    .testTarget(name: "LabKitTests", dependencies: ["Groundwork", "LabKit", "TestKit"]),
    .testTarget(
      name: "RecipesTests",
      dependencies: [
        "Groundwork", "ModelCore", "Published", "TokenData", "Distillation", "Upcycling", "LabKit", "Recipes",
        "TestKit",
      ]),
    .testTarget(
      name: "ExportTests",
      dependencies: [
        "Groundwork", "TensorCore", "ModelCore", "TokenData", "Upcycling", "Export", "TestKit", "hybrid", "shards",
        "xecomla",
      ],
      exclude: ["Goldens"]),
    .testTarget(
      name: "DocsTests",
      dependencies: [
        "Groundwork", "TestKit", "xecomla", "zebra", "hylo", "farskip", "hybrid", "shards", "lab", "bench",
      ]),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        .argumentParser, "Groundwork", "TensorCore", "ModelCore", "TokenData", "Distillation", "Collectives", "LabKit",
        "Evaluation", "Recipes", "Commands", "TestKit", "xecomla", "zebra", "hylo", "farskip", "hybrid", "shards",
        "lab", "bench",
      ]),
  ]
)

// Commands, tests and what orchestrates do their work in other modules, and of a world's text a run needs seconds:
// optimising these took a third of a build and bought next to nothing.
for target in package.targets
where [.executable, .test].contains(target.type)
  || ["Commands", "LabKit", "Recipes", "TrainingCommands", "Worlds"].contains(target.name)
{
  let hot = ["bench", "TensorCoreTests", "WorldsTests"]
  if !hot.contains(target.name) { target.swiftSettings = [.unsafeFlags(["-Onone"])] }
}

// Under a sanitizer only the tests that it is for are built (Makefile): the names of their targets.
if let kept = Context.environment["UPCYCLE_TEST_TARGETS"]?.split(separator: ",").map(String.init) {
  package.targets.removeAll { $0.type == .test && !kept.contains($0.name) }
}

extension Target.Dependency {
  static var argumentParser: Self {
    .product(name: "ArgumentParser", package: "swift-argument-parser")
  }
  static var yams: Self { .product(name: "Yams", package: "Yams") }
}
