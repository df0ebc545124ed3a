"""Judges every recording below a folder or a bucket and says which failed.

    spark-submit examples/spark.py s3a://traces/2026/11 reports.parquet
"""

from __future__ import annotations

import sys

from pyspark.sql import SparkSession

from inspector.spark import check_recordings


def main(paths: str, to: str) -> None:
    spark = SparkSession.builder.appName("inspector").getOrCreate()
    check_recordings(spark, paths).write.mode("overwrite").parquet(to)
    reports = spark.read.parquet(to)
    reports.groupBy("outcome").count().orderBy("outcome").show()
    reports.where("outcome <> 'pass'").select("path", "outcome", "reason").show(50, truncate=False)


if __name__ == "__main__":
    main(*sys.argv[1:3])
