// swift-tools-version: 6.0
import PackageDescription

// Modules, lower never imports higher (README, "Architecture"). The three C libraries come from
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
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0")
  ],
  targets: [
    .systemLibrary(name: "COpenBLAS", providers: [.apt(["libopenblas-dev", "liblapacke-dev"])]),
    .systemLibrary(name: "CZstd", providers: [.apt(["libzstd-dev"])]),
    .systemLibrary(name: "CCrypto", providers: [.apt(["libssl-dev"])]),
    .target(name: "CKernels", linkerSettings: [.linkedLibrary("m"), .linkedLibrary("pthread")]),

    .target(name: "Groundwork", dependencies: ["CCrypto"]),
    .target(name: "TensorCore", dependencies: ["Groundwork", "CKernels", "COpenBLAS"]),
    .target(name: "Autograd", dependencies: ["TensorCore", "CKernels"]),
    .target(name: "ModelCore", dependencies: ["Autograd"]),
    .target(name: "TokenData", dependencies: ["Groundwork", "CZstd"]),
    .target(name: "Distillation", dependencies: ["ModelCore", "TokenData"]),
    .target(name: "Evaluation", dependencies: ["ModelCore", "TokenData"]),
    .target(name: "Upcycling", dependencies: ["ModelCore", "TokenData"]),
    .target(name: "COpenMPI"),
    .target(name: "Collectives", dependencies: ["TensorCore", "COpenMPI"]),
    .target(name: "Parallelism", dependencies: ["ModelCore", "Distillation", "Collectives", "CKernels"]),
    .target(name: "LabKit", dependencies: ["Groundwork"]),
    .target(
      name: "Recipes",
      dependencies: ["Upcycling", "Distillation", "Evaluation", "Collectives", "Parallelism", "LabKit"]),

    .target(name: "Commands", dependencies: [.argumentParser]),
    .target(name: "TrainingCommands", dependencies: ["Recipes", "Commands"]),
    .executableTarget(name: "xecomla", dependencies: ["Recipes", "TrainingCommands"]),
    .executableTarget(name: "zebra", dependencies: ["Recipes", "TrainingCommands"]),
    .executableTarget(name: "hylo", dependencies: ["Recipes", "TrainingCommands"]),
    .executableTarget(name: "farskip", dependencies: ["Recipes", "Collectives", "TrainingCommands", "Commands"]),
    .executableTarget(name: "hybrid", dependencies: ["Recipes", "Commands"]),
    .executableTarget(name: "shards", dependencies: ["TokenData", "Commands"]),
    .executableTarget(name: "lab", dependencies: ["Recipes", "LabKit", "Commands"]),
    .executableTarget(name: "bench", dependencies: ["Recipes", "Commands"]),

    .target(name: "TestKit", dependencies: ["Autograd"], path: "Tests/TestKit"),
    .testTarget(name: "GroundworkTests", dependencies: ["Groundwork", "TestKit"]),
    .testTarget(name: "TensorCoreTests", dependencies: ["TensorCore", "TestKit"]),
    .testTarget(name: "AutogradTests", dependencies: ["Autograd", "TestKit"]),
    .testTarget(name: "ModelCoreTests", dependencies: ["ModelCore", "TestKit"]),
    .testTarget(name: "TokenDataTests", dependencies: ["TokenData", "TestKit"]),
    .testTarget(name: "DistillationTests", dependencies: ["Distillation", "TestKit"]),
    .testTarget(name: "EvaluationTests", dependencies: ["Evaluation", "TestKit"]),
    .testTarget(name: "UpcyclingTests", dependencies: ["Upcycling", "TestKit"]),
    .testTarget(name: "CollectivesTests", dependencies: ["Collectives", "TestKit"]),
    .testTarget(name: "ParallelismTests", dependencies: ["Parallelism", "TestKit"]),
    .testTarget(name: "LabKitTests", dependencies: ["LabKit", "TestKit"]),
    .testTarget(
      name: "CommandTests",
      dependencies: ["Recipes", "TestKit", "hybrid", "xecomla", "zebra", "hylo", "farskip", "shards", "lab"]),
  ]
)

extension Target.Dependency {
  static var argumentParser: Self {
    .product(name: "ArgumentParser", package: "swift-argument-parser")
  }
}
