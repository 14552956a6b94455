// swift-tools-version: 6.2
import PackageDescription

// A target is the unit of architecture: ARCHITECTURE.md says what each one decides, and arrows point down only.

let strict: [SwiftSetting] = [
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Wrappers of C mark each place to review with `unsafe`.
let wrapper: [SwiftSetting] = strict + [.strictMemorySafety()]

func pure(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: strict)
}

func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: [.target(name: name), "TestSupport"] + dependencies,
        swiftSettings: strict
    )
}

let package = Package(
    name: "selfheal",
    products: [
        .executable(name: "selfheal", targets: ["selfheal"])
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
        .package(url: "https://github.com/groue/GRDB.swift", exact: "7.10.0"),
        // The HTTP server; its traits would bring a reader of configurations and all of Foundation.
        .package(url: "https://github.com/hummingbird-project/hummingbird", exact: "2.28.1", traits: []),
        // What Hummingbird stands on, and HTTPService names.
        .package(url: "https://github.com/apple/swift-nio", exact: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-extras", exact: "1.35.2"),
        .package(url: "https://github.com/apple/swift-http-types", exact: "1.8.0", traits: []),
        .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
        // Without Foundation, which its default trait would bring in.
        .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2", traits: []),
        .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    ],
    targets: [
        // Pure: no I/O, no clock, no randomness, nothing async, no Foundation.
        pure("RunVocabulary"),
        pure("RunbookSource"),
        pure("CELExpressions"),
        // Minutes that come again, and what clocks show where.
        pure("CronCalendar", ["RunVocabulary"]),
        .target(
            name: "RunbookYAML",
            dependencies: ["CLibYAML", "RunbookSource"],
            swiftSettings: wrapper
        ),
        pure("RunPlan", ["RunVocabulary", "RunbookSource", "CELExpressions"]),
        pure(
            "RunbookLanguage",
            ["RunVocabulary", "RunbookSource", "RunbookYAML", "CELExpressions", "CronCalendar"]
        ),
        pure(
            "RunbookCompiler",
            ["RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunPlan", "CELExpressions"]
        ),
        pure("RunCore", ["RunVocabulary", "RunPlan", "CELExpressions"]),
        pure(
            "RunbookEditor",
            [
                "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunbookCompiler",
                "CELExpressions",
            ]
        ),
        pure("LanguageServer", ["RunVocabulary", "RunbookSource", "RunbookLanguage", "RunbookEditor"]),
        pure("CommandReceipts", ["RunVocabulary"]),
        pure("Doctor", ["RunVocabulary"]),
        pure(
            "SelfhealConfiguration",
            [
                "RunVocabulary", "RunbookSource", "RunbookYAML", "RunPlan", "ClusterWatch", "CronCalendar",
                "CELExpressions", "RunbookLanguage", "RunbookCompiler",
            ]
        ),

        // Proof.
        pure(
            "RunSimulator",
            [
                "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookCompiler", "RunPlan", "RunCore",
                "CELExpressions", "SelfhealConfiguration", "ClusterWatch",
            ]
        ),

        // Decides what the daemon watches, starts and holds back.
        pure("ClusterWatch", ["RunVocabulary", "RunPlan", "RunCore", "CELExpressions", "CronCalendar"]),
        pure(
            "RunbookTesting",
            ["RunVocabulary", "RunbookSource", "RunbookYAML", "RunPlan", "RunSimulator", "CELExpressions"]
        ),

        pure("RunReplay", ["RunVocabulary", "RunPlan", "RunCore"]),
        pure("RunVerifier", ["RunVocabulary", "RunPlan", "RunCore", "CELExpressions"]),

        // Ports: what the executor needs and the world implements.
        pure("RunPorts", ["RunVocabulary", "RunPlan", "RunCore"]),

        // World: one target per way of touching something.
        .systemLibrary(name: "CLibYAML", pkgConfig: "yaml-0.1", providers: [.apt(["libyaml-dev"])]),
        .systemLibrary(name: "CLibcurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
        .systemLibrary(name: "CLibssh", pkgConfig: "libssh", providers: [.apt(["libssh-dev"])]),
        .systemLibrary(name: "CLinux"),
        .target(name: "Probes", dependencies: ["CLinux", "RunVocabulary"], swiftSettings: wrapper),
        .target(name: "ProbeZooKeeper", dependencies: ["Probes", "RunVocabulary"], swiftSettings: strict),
        .target(name: "ProbeKafka", dependencies: ["Probes"], swiftSettings: strict),
        .target(name: "SSHClient", dependencies: ["CLibssh", "CLinux", "RunVocabulary"], swiftSettings: wrapper),
        .target(name: "CurlTransfer", dependencies: ["CLibcurl", "RunVocabulary"], swiftSettings: wrapper),

        // Runtime: does what the core decided, in the order the journal allows.
        .target(
            name: "RunJournal",
            dependencies: [
                "RunVocabulary", .product(name: "GRDB", package: "GRDB.swift"),
                .product(name: "GRDBSQLite", package: "GRDB.swift"),
            ],
            swiftSettings: strict
        ),
        .target(name: "ControlSocket", dependencies: ["RunVocabulary"], swiftSettings: wrapper),
        .target(
            name: "HTTPService",
            dependencies: [
                .product(name: "HummingbirdCore", package: "hummingbird"),
                .product(name: "HTTPTypes", package: "swift-http-types"),
                .product(name: "Logging", package: "swift-log"),
                .product(name: "NIOCore", package: "swift-nio"),
                .product(name: "NIOHTTP1", package: "swift-nio"),
                .product(name: "NIOHTTPTypes", package: "swift-nio-extras"),
                .product(name: "NIOHTTPTypesHTTP1", package: "swift-nio-extras"),
                .product(name: "NIOPosix", package: "swift-nio"),
            ],
            swiftSettings: strict
        ),
        .target(name: "Notifications", dependencies: ["CurlTransfer", "RunVocabulary"], swiftSettings: strict),
        .target(
            name: "RunExecutor",
            dependencies: ["RunVocabulary", "RunPlan", "RunCore", "RunPorts", "CELExpressions"],
            swiftSettings: strict
        ),

        // Where the ports meet the world.
        .target(
            name: "WorldAdapters",
            dependencies: [
                "RunVocabulary", "RunPlan", "RunCore", "RunPorts", "CommandReceipts", "SSHClient", "Probes",
                "ProbeZooKeeper", "ProbeKafka", "Notifications", "CurlTransfer", "RunJournal", "Doctor",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict
        ),

        // The engine of one store: its runs, and the operators who talk to it.
        .target(
            name: "SelfhealEngine",
            dependencies: [
                "ClusterWatch", "CronCalendar",
                "RunVocabulary", "RunPlan", "RunCore", "RunPorts", "RunExecutor", "RunJournal", "ControlSocket",
                "RunbookSource", "SelfhealConfiguration", "WorldAdapters", "Notifications", "CurlTransfer", "Probes",
                "SSHClient",
            ],
            swiftSettings: strict
        ),

        // Brokers that answer by a script: one for each test, or those of the practice cluster.
        .target(name: "PracticeBrokers", swiftSettings: strict),

        // The practice cluster.
        .target(
            name: "PracticeCluster",
            dependencies: ["CLinux", "RunVocabulary", "Probes", "ProbeZooKeeper"],
            swiftSettings: strict
        ),

        // Watches, and starts what the watch decides.
        .target(
            name: "SelfhealDaemon",
            dependencies: [
                "RunVocabulary", "RunPlan", "RunCore", "RunPorts", "RunJournal", "SelfhealConfiguration",
                "WorldAdapters",
                "ClusterWatch", "SelfhealEngine", "HTTPService", "Notifications",
            ],
            swiftSettings: strict
        ),

        // Surface: parses input, shows output, decides nothing.
        .executableTarget(
            name: "selfheal",
            dependencies: [
                "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunbookCompiler", "RunPlan",
                "RunCore", "RunSimulator", "RunbookTesting", "RunVerifier", "RunReplay", "RunPorts", "RunExecutor",
                "RunJournal", "ControlSocket", "Notifications",
                "Probes", "ProbeZooKeeper", "SSHClient", "CurlTransfer", "CommandReceipts", "SelfhealConfiguration",
                "PracticeCluster", "PracticeBrokers", "CELExpressions", "WorldAdapters", "SelfhealEngine", "Doctor",
                "RunbookEditor",
                "LanguageServer", "ClusterWatch", "SelfhealDaemon",
                .product(name: "Subprocess", package: "swift-subprocess"),
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: strict
        ),

        // Benchmarks: the engine beside the bare baseline that `scripts/bench` measures it against.
        .executableTarget(
            name: "EngineBenchmark",
            dependencies: [
                "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunbookCompiler", "RunPlan",
                "RunCore", "RunPorts", "RunExecutor", "RunJournal", "WorldAdapters", "SSHClient",
            ],
            path: "Benchmarks/EngineBenchmark",
            swiftSettings: strict
        ),
        // What an author waits for: a check, and the answer to a key press.
        .executableTarget(
            name: "AuthoringBenchmark",
            dependencies: [
                "RunVocabulary", "RunPlan", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunbookCompiler",
                "RunbookEditor", "LanguageServer",
            ],
            path: "Benchmarks/AuthoringBenchmark",
            swiftSettings: strict
        ),
        // The verifier's store and queue on a protocol that other model checkers have too, and whole proofs on one core.
        .executableTarget(
            name: "CheckerBenchmark",
            dependencies: ["RunVocabulary", "RunPlan", "RunbookCompiler", "RunVerifier"],
            path: "Benchmarks/CheckerBenchmark",
            swiftSettings: strict
        ),
        // Simulated hours and rehearsals per second.
        .executableTarget(
            name: "RehearsalBenchmark",
            dependencies: [
                "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookCompiler", "RunPlan", "RunSimulator",
            ],
            path: "Benchmarks/RehearsalBenchmark",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "ExpressionBenchmark",
            dependencies: ["CELExpressions"],
            path: "Benchmarks/ExpressionBenchmark",
            swiftSettings: strict
        ),
        // What strangers' bytes go through: replays files, or is driven by libFuzzer (`make fuzz`).
        .target(
            name: "HostileCorpus",
            dependencies: [
                "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunbookCompiler", "RunPlan", "CELExpressions",
            ],
            path: "Fuzzing/HostileCorpus",
            swiftSettings: strict
        ),
        .executableTarget(
            name: "RunbookFuzzer",
            dependencies: ["HostileCorpus"],
            path: "Fuzzing/RunbookFuzzer",
            swiftSettings: strict
        ),
        // What looking at a cluster costs, beside the barest loop that asks the same.
        .executableTarget(
            name: "WatchBenchmark",
            dependencies: [
                "RunVocabulary", "RunbookSource", "RunbookYAML", "RunPlan", "RunCore", "RunPorts", "ClusterWatch",
                "Probes",
                "ProbeZooKeeper", "SelfhealConfiguration", "SelfhealEngine", "SelfhealDaemon",
            ],
            path: "Benchmarks/WatchBenchmark",
            swiftSettings: strict
        ),
        .executableTarget(name: "ProbeFloor", path: "Benchmarks/ProbeFloor"),
        .executableTarget(
            name: "FleetFloor",
            path: "Benchmarks/FleetFloor",
            linkerSettings: [.linkedLibrary("ssh")]
        ),
        .executableTarget(
            name: "JournalFloor",
            path: "Benchmarks/JournalFloor",
            linkerSettings: [.linkedLibrary("sqlite3")]
        ),

        .target(
            name: "TestSupport",
            dependencies: ["RunbookSource", "PracticeBrokers"],
            path: "Sources/TestSupport",
            swiftSettings: strict
        ),
        // Fakes of the ports, and hosts that keep a ledger.
        .target(
            name: "RunTestSupport",
            dependencies: [
                "RunVocabulary", "RunPlan", "RunCore", "RunPorts", "RunbookSource", "RunbookYAML", "RunbookLanguage",
                "RunbookCompiler",
            ],
            path: "Sources/RunTestSupport",
            swiftSettings: strict
        ),
        tests("RunVocabulary"),
        tests("RunbookSource"),
        tests("CELExpressions"),
        tests("CronCalendar", ["RunVocabulary"]),
        tests("RunbookYAML", ["RunbookSource"]),
        tests(
            "RunPlan",
            ["RunVocabulary", "CELExpressions", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunbookCompiler"]
        ),
        tests("RunbookLanguage", ["RunVocabulary", "RunbookSource", "RunbookYAML"]),
        tests(
            "RunbookCompiler",
            ["RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunPlan", "CELExpressions"]
        ),
        tests(
            "RunCore",
            [
                "RunVocabulary", "RunPlan", "CELExpressions", "RunbookSource", "RunbookYAML", "RunbookLanguage",
                "RunbookCompiler", "RunTestSupport",
            ]
        ),
        tests(
            "RunbookEditor",
            [
                "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunbookCompiler", "CELExpressions",
                "HostileCorpus",
            ]
        ),
        tests("LanguageServer", ["RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookEditor"]),
        tests("CommandReceipts", ["RunVocabulary"]),
        tests("Doctor", ["RunVocabulary"]),
        tests(
            "SelfhealConfiguration",
            ["RunbookSource", "RunbookYAML", "RunPlan", "RunVocabulary", "CronCalendar"]
        ),
        tests(
            "RunSimulator",
            [
                "RunCore", "RunPlan", "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage",
                "RunbookCompiler", "CELExpressions",
            ]
        ),
        tests(
            "RunbookTesting",
            [
                "RunPlan", "RunSimulator", "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage",
                "RunbookCompiler",
            ]
        ),
        tests(
            "RunVerifier",
            [
                "RunCore", "RunPlan", "RunVocabulary", "RunbookSource", "RunbookYAML", "RunbookLanguage",
                "RunbookCompiler", "CELExpressions",
            ]
        ),
        tests("RunReplay", ["RunVocabulary", "RunPlan", "RunCore", "RunExecutor", "RunPorts", "RunTestSupport"]),
        // The real engine in seeded worlds, ended wherever it can end.
        .testTarget(
            name: "EngineSimulationTests",
            dependencies: [
                "RunVocabulary", "RunPlan", "RunCore", "RunPorts", "RunExecutor", "RunReplay", "RunSimulator",
                "RunbookSource", "RunbookYAML", "RunbookCompiler",
            ],
            swiftSettings: strict
        ),
        tests("ClusterWatch", ["RunVocabulary", "RunPlan", "RunCore", "RunTestSupport", "CronCalendar"]),
        tests("Probes", ["CLinux", "RunVocabulary"]),
        tests("ProbeZooKeeper", ["Probes"]),
        tests("ProbeKafka", ["Probes", "PracticeBrokers"]),
        tests("SSHClient", ["RunVocabulary"]),
        tests("CurlTransfer", ["RunVocabulary"]),
        tests("RunJournal", ["RunVocabulary"]),
        tests("ControlSocket"),
        tests("Notifications", ["CurlTransfer", "RunVocabulary"]),
        tests("RunExecutor", ["RunVocabulary", "RunPlan", "RunCore", "RunPorts", "RunTestSupport"]),
        tests(
            "WorldAdapters",
            [
                "RunVocabulary", "RunPlan", "RunCore", "RunPorts", "RunJournal", "SSHClient", "CurlTransfer", "Doctor",
                "Probes", "CELExpressions", "PracticeBrokers",
            ]
        ),
        tests(
            "SelfhealEngine",
            [
                "RunVocabulary", "RunPlan", "RunCore", "RunPorts", "RunTestSupport", "RunbookSource", "RunbookYAML",
                "SelfhealConfiguration", "WorldAdapters", "RunJournal", "ControlSocket", "ClusterWatch",
            ]
        ),
        tests("HTTPService"),
        tests(
            "SelfhealDaemon",
            [
                "ClusterWatch", "Notifications", "RunCore", "RunJournal", "RunPlan", "RunPorts", "RunTestSupport",
                "RunVocabulary", "RunbookSource", "RunbookYAML", "SelfhealConfiguration", "SelfhealEngine",
            ]
        ),
        tests("PracticeCluster", ["Probes", "ProbeZooKeeper"]),
        tests("PracticeBrokers", ["Probes", "ProbeKafka"]),
        .testTarget(
            name: "SchemaTests",
            dependencies: [
                "TestSupport", "RunVocabulary", "RunbookSource", "RunbookYAML", "RunPlan", "RunbookLanguage",
                "RunbookCompiler", "SelfhealConfiguration", "RunSimulator", "RunbookTesting",
            ],
            swiftSettings: strict
        ),
        .testTarget(
            name: "TidyTests",
            dependencies: ["TestSupport", "RunbookSource", "RunbookYAML", "RunbookLanguage", "RunbookCompiler"],
            swiftSettings: strict
        ),
        // On the program itself, so that it is there, and on nothing inside it.
        .testTarget(
            name: "IntegrationTests",
            dependencies: ["TestSupport", "selfheal"],
            swiftSettings: strict
        ),
    ],
    swiftLanguageModes: [.v6]
)
