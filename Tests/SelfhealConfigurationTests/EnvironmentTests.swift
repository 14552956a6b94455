// Selfheal
// SPDX-License-Identifier: Apache-2.0

import RunPlan
import RunVocabulary
import RunbookSource
import RunbookYAML
import SelfhealConfiguration
import TestSupport
import Testing

@Suite struct EnvironmentTests {
    static func folder(_ text: String, environment: [String: String]) -> String? {
        Loaded.withCluster("store: { folder: \(text) }\n", environment: environment).configuration?.storeFolder
    }

    @Test(arguments: [
        ("\"${A}\"", "/a"), ("\"${A}/${B}\"", "/a/b"), ("\"/x$${A}\"", "/x${A}"), ("\"/x$A$\"", "/x$A$"),
        ("\"/$$${A}\"", "/$${A}"), ("'${A}'", "/a"),
    ])
    func `variables are replaced wherever they stand in a value`(text: String, folder: String) {
        #expect(Self.folder(text, environment: ["A": "/a", "B": "b"]) == folder)
    }

    @Test func `what a variable holds is never read again`() {
        #expect(Self.folder("\"${A}\"", environment: ["A": "/${B}: [x, *y]", "B": "b"]) == "/${B}: [x, *y]")
    }

    @Test func `a number may come from the environment`() {
        let loaded = Loaded.withNodes("{ host: a, port: \"${PORT}\" }")
        #expect(loaded.diagnostics.map(\.code.number) == [501])
        let given = Loaded(
            "cluster: { zookeeper_nodes: [{ host: \"${HOST}\", port: \"${PORT}\" }] }",
            environment: ["HOST": "zk1", "PORT": "2182"]
        )
        #expect(given.diagnostics == [])
        #expect(given.configuration?.inventory["zk1"]?.ports == ["client": 2_182])
    }

    @Test func `a missing variable is reported once, and exactly where it is named`() {
        let loaded = Loaded(
            """
            cluster: { zookeeper_nodes: [{ host: "zk-❶${ZONE}❶", port: "❷${PORT}❷" }] }
            notifications:
              channels:
                mail: { kind: smtp, host: h, user: u, password: "❸${SMTP_PASSWORD}❸", from: a@example.com, to: [b@example.com] }
            """
        )
        let source = loaded.source
        #expect(
            loaded.diagnostics == [
                .missingVariable("ZONE", at: source["❶"]), .missingVariable("PORT", at: source["❷"]),
                .missingVariable("SMTP_PASSWORD", at: source["❸"]),
            ]
        )
        #expect(loaded.configuration == nil)
    }

    @Test func `an empty variable is no text`() {
        let loaded = Loaded.withCluster("store: { folder: ❶\"${A}\"❶ }\n", environment: ["A": ""])
        #expect(loaded.diagnostics.map(\.code.number) == [101])
        #expect(loaded.diagnostics.map(\.span) == [loaded.source["❶"]])
    }

    @Test(arguments: ["${A:-x}", "${}", "${1A}", "${A B}", "${A", "${Ä}"])
    func `what names no variable is refused`(reference: String) {
        let loaded = Loaded.withCluster("store: { folder: \"/x❶\(reference)❶\" }\n", environment: ["A": "/a"])
        #expect(loaded.diagnostics == [.badReference(isExpression: false, at: loaded.source["❶"])])
    }

    @Test func `an expression is pointed out as one`() {
        let loaded = Loaded.withCluster("store: { folder: \"❶${{ run.id }❶}\" }\n")
        #expect(loaded.diagnostics == [.badReference(isExpression: true, at: loaded.source["❶"])])
    }

    @Test func `keys are never replaced`() {
        let loaded = Loaded.withCluster("store: { \"❶${A}❶\": x }\n", environment: ["A": "folder"])
        #expect(loaded.diagnostics.map(\.code.number).contains(102))
    }
}
