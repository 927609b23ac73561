"""The judge, judged: made-up reports of which it must refuse all but the good ones."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

import judge

JUDGE = pathlib.Path(__file__).with_name("judge.py")


def good():
    return {case: {"behavior": "OK", "behaviorClose": "OK"} for case in judge.EXPECTED}


def with_case(case, **values):
    report = good()
    report[case] = report.get(case, {"behavior": "OK", "behaviorClose": "OK"}) | values
    return report


def without_case(case):
    report = good()
    del report[case]
    return report


class TheJudge(unittest.TestCase):
    def run_judge(self, index, agent="longwire"):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "index.json")
            path.write_text(json.dumps(index), encoding="utf-8")
            return subprocess.run([sys.executable, JUDGE, path, agent], capture_output=True, text=True, check=False)

    def accepts(self, report):
        result = self.run_judge({"longwire": report})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertTrue(result.stdout.endswith("517 passed, 0 failed\n"), result.stdout)

    def refuses(self, report, because):
        result = self.run_judge({"longwire": report})
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(because, result.stdout)

    def test_knows_517_cases(self):
        self.assertEqual(len(judge.EXPECTED), 517)

    def test_accepts_all_ok(self):
        self.accepts(good())

    def test_accepts_informational_where_the_rfc_leaves_the_choice(self):
        report = good()
        for case in judge.FREE:
            report[case] = {"behavior": "INFORMATIONAL", "behaviorClose": "INFORMATIONAL"}
        self.accepts(report)

    def test_refuses_any_other_behaviour(self):
        for behavior in ("FAILED", "NON-STRICT", "UNIMPLEMENTED", "INFORMATIONAL", "SOMETHING NEW", "ok", None):
            with self.subTest(behavior):
                self.refuses(with_case("6.4.3", behavior=behavior), f"6.4.3: behavior is {behavior}")

    def test_refuses_a_free_case_that_is_not_informational_but_wrong(self):
        for behavior in ("FAILED", "NON-STRICT", "UNIMPLEMENTED"):
            with self.subTest(behavior):
                self.refuses(with_case("7.13.1", behavior=behavior), f"7.13.1: behavior is {behavior}")

    def test_refuses_any_other_close(self):
        for close in ("FAILED", "WRONG CODE", "UNCLEAN", "FAILED BY CLIENT", "INFORMATIONAL", None):
            with self.subTest(close):
                self.refuses(with_case("1.1.1", behaviorClose=close), f"1.1.1: behaviorClose is {close}")

    def test_refuses_a_result_without_its_fields(self):
        self.refuses(good() | {"2.1": {}}, "2.1: behavior is None")

    def test_refuses_a_missing_case(self):
        self.refuses(without_case("9.3.9"), "9.3.9: missing")
        self.refuses(without_case("7.1.6"), "7.1.6: missing")
        self.refuses(without_case("13.7.18"), "13.7.18: missing")

    def test_refuses_a_case_that_is_none(self):
        self.refuses(with_case("12.6.1"), "12.6.1: not a case of the suite")

    def test_refuses_an_empty_report_and_another_agents(self):
        self.refuses({}, "1.1.1: missing")
        self.assertEqual(self.run_judge({"another": good()}).returncode, 1)


if __name__ == "__main__":
    unittest.main()
