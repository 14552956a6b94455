// Selfheal
// SPDX-License-Identifier: Apache-2.0

import Foundation
import RunCore
import RunPlan
import RunVocabulary
import TestSupport
import Testing

@testable import WorldAdapters

/// Attributes, read from a server that answers as Jolokia 1.7 does, and from one that does not.
@Suite struct JMXProbeTests {
    /// Knows one object, and answers about it in Jolokia's form.
    private static func agent() throws -> ScriptedServer {
        try ScriptedServer { connection, _ in
            while let request = connection.request() {
                guard request.head.first == "POST /jolokia/ HTTP/1.1", let asked = try? JSON(parsing: request.body),
                    asked["type"] == "read"
                else {
                    connection.answer("404 Not Found", body: "no such page")
                    continue
                }
                connection.answer(
                    "200 OK",
                    headers: ["Content-Type: text/plain;charset=utf-8"],
                    body: Self.answer(asked)
                )
            }
        }
    }

    private static func answer(_ asked: JSON) -> String {
        func told(_ value: String) -> String {
            #"{"request":\#(asked.text),"value":\#(value),"timestamp":1795298160,"status":200}"#
        }
        guard asked["mbean"] == #"kafka.server:name="a/b",type=X"# else {
            return """
                {"request":\(asked.text),"error_type":"javax.management.InstanceNotFoundException",
                 "error":"javax.management.InstanceNotFoundException : \(asked["mbean"]?.stringValue ?? "")","status":404}
                """
        }
        switch (asked["attribute"]?.stringValue, asked["path"]?.stringValue) {
        case ("Heap", "used"?): return told("123456789")
        case ("Heap", nil): return told(#"{"init":1,"used":2}"#)
        case ("Load", _): return told("0.25")
        case ("None", _): return told("null")
        case ("Names", _): return told(#"["a"]"#)
        case ("Lost", _): return told(#""NaN""#)
        case ("Alive", _): return told("true")
        default: return told(#""RUNNING""#)
        }
    }

    private static func look(
        _ port: UInt16,
        _ attribute: String,
        path: String? = nil,
        mbean: String = #"kafka.server:name="a/b",type=X"#
    ) async throws -> [String: Fact] {
        var node = ProbeBench.node()
        node.ports["agent"] = Int(port)
        let question = JMXQuestion(url: nil, port: "agent", mbean: mbean, attribute: attribute, path: path)
        return try await ProbeBench.look(.jmx(question), at: node)
    }

    @Test func `numbers, texts and parts of a value are read`() async throws {
        let agent = try Self.agent()
        defer { agent.stop() }
        let used = try await Self.look(agent.port, "Heap", path: "used")
        #expect(used["answered"] == .bool(true) && used["problem"] == .string(""), "\(used)")
        #expect(used["value"] == .double(123_456_789) && used["text"] == .string("123456789"))
        #expect(try await Self.look(agent.port, "Load")["value"] == .double(0.25))
        let state = try await Self.look(agent.port, "State")
        #expect(state["text"] == .string("RUNNING") && state["value"] == nil, "\(state)")
        #expect(try await Self.look(agent.port, "Alive")["text"] == .string("true"))
        guard case .double(let lost) = try await Self.look(agent.port, "Lost")["value"] else {
            Issue.record("no number came")
            return
        }
        #expect(lost.isNaN)

        let whole = JMXQuestion(
            url: "http://127.0.0.1:\(agent.port)/jolokia",
            port: nil,
            mbean: #"kafka.server:name="a/b",type=X"#,
            attribute: "Load",
            path: nil
        )
        #expect(try await ProbeBench.look(.jmx(whole))["value"] == .double(0.25))
    }

    @Test func `what is no single value, or not there, is a problem and no number`() async throws {
        let agent = try Self.agent()
        defer { agent.stop() }
        let heap = try await Self.look(agent.port, "Heap")
        #expect(heap["value"] == nil && heap.problemText.contains("init, used"), "\(heap)")
        for attribute in ["None", "Names"] {
            let facts = try await Self.look(agent.port, attribute)
            #expect(facts["value"] == nil && facts["text"] == nil && !facts.problemText.isEmpty, "\(facts)")
        }
        let other = try await Self.look(agent.port, "Heap", mbean: "a:b=c")
        #expect(other["answered"] == .bool(true) && other["value"] == nil, "\(other)")
        #expect(other.problemText.contains("status 404: javax.management.InstanceNotFoundException"))
    }

    @Test(arguments: ["", "{}", "[]", #"{"status":"200","value":1}"#, #"{"status":200}"#, "<html>", #"{"value":1}"#])
    func `another answer tells nothing`(body: String) async throws {
        let server = try ScriptedServer { connection, _ in
            while connection.request() != nil { connection.answer("200 OK", body: body) }
        }
        defer { server.stop() }
        let facts = try await Self.look(server.port, "Load")
        #expect(facts["answered"] == .bool(true) && facts["value"] == nil && facts["text"] == nil, "\(facts)")
        #expect(!facts.problemText.isEmpty)
    }

    @Test func `a refused connection is a definite answer, and a port that there is not is none`() async throws {
        try await ProbeBench.withClosedPort { port in
            let facts = try await Self.look(port, "Load")
            #expect(facts["answered"] == .bool(false), "\(facts)")
        }
        let question = JMXQuestion<String>(url: nil, port: "nowhere", mbean: "a:b=c", attribute: "d", path: nil)
        let facts = try await ProbeBench.look(.jmx(question), at: ProbeBench.node())
        #expect(facts["answered"] == nil && facts.problemText.contains("'nowhere'"), "\(facts)")
    }
}
