SELECT
  -1 AS `side`,
  'engine' AS `kind`,
  CAST(NULL AS STRING) AS `day`,
  0 AS `n`,
  'bigquery' AS `sums`,
  '' AS `held`
UNION ALL
SELECT
  0 AS `side`,
  'rows' AS `kind`,
  CAST(`r`.`day` AS STRING) AS `day`,
  COUNT(*) AS `n`,
  TO_JSON_STRING(
    [
      CAST(SUM(CAST(CONCAT('0x', SUBSTR(`r`.`h1`, 1, 8)) AS INT64)) AS STRING),
      CAST(SUM(CAST(CONCAT('0x', SUBSTR(`r`.`h1`, 9, 8)) AS INT64)) AS STRING),
      CAST(SUM(CAST(CONCAT('0x', SUBSTR(`r`.`h2`, 1, 8)) AS INT64)) AS STRING),
      CAST(SUM(CAST(CONCAT('0x', SUBSTR(`r`.`h2`, 9, 8)) AS INT64)) AS STRING)
    ]
  ) AS `sums`,
  '' AS `held`
FROM (
  SELECT
    DATE(`t`.`ts`) AS `day`,
    SUBSTR(
      TO_HEX(
        MD5(
          TO_JSON_STRING(
            [
              `t`.`__dit_139d544b821b13eb`,
              `t`.`__dit_454349e422f05297`,
              IF(`t`.`s` IS NULL, NULL, '{}'),
              IF(
                IS_NAN((
                  `t`.`s`
                ).`x`),
                'NaN',
                FORMAT('%.17g', IF((
                  `t`.`s`
                ).`x` = 0, 0.0, (
                  `t`.`s`
                ).`x`))
              ),
              CAST(`t`.`select` AS STRING),
              `t`.`__dit_978c2f8941354cf5`,
              CAST(UNIX_MICROS(`t`.`ts`) AS STRING),
              CAST(`t`.`v_bignumeric` AS STRING),
              CAST(`t`.`v_bool` AS STRING),
              TO_HEX(`t`.`v_bytes`),
              CAST(`t`.`v_date` AS STRING),
              CAST(`t`.`v_datetime` AS STRING),
              IF(
                IS_NAN(`t`.`v_float64`),
                'NaN',
                FORMAT('%.17g', IF(`t`.`v_float64` = 0, 0.0, `t`.`v_float64`))
              ),
              TO_HEX(ST_ASBINARY(`t`.`v_geography`)),
              CAST(`t`.`v_int64` AS STRING),
              CAST(`t`.`v_interval` AS STRING),
              `t`.`__dit_8509899a6d64e15f`,
              CAST(`t`.`v_numeric` AS STRING),
              CAST(`t`.`v_range` AS STRING),
              `t`.`v_string`
            ]
          )
        )
      ),
      1,
      16
    ) AS `h1`,
    SUBSTR(
      TO_HEX(
        MD5(
          TO_JSON_STRING(
            [
              `t`.`__dit_139d544b821b13eb`,
              `t`.`__dit_454349e422f05297`,
              IF(`t`.`s` IS NULL, NULL, '{}'),
              IF(
                IS_NAN((
                  `t`.`s`
                ).`x`),
                'NaN',
                FORMAT('%.17g', IF((
                  `t`.`s`
                ).`x` = 0, 0.0, (
                  `t`.`s`
                ).`x`))
              ),
              CAST(`t`.`select` AS STRING),
              `t`.`__dit_978c2f8941354cf5`,
              CAST(UNIX_MICROS(`t`.`ts`) AS STRING),
              CAST(`t`.`v_bignumeric` AS STRING),
              CAST(`t`.`v_bool` AS STRING),
              TO_HEX(`t`.`v_bytes`),
              CAST(`t`.`v_date` AS STRING),
              CAST(`t`.`v_datetime` AS STRING),
              IF(
                IS_NAN(`t`.`v_float64`),
                'NaN',
                FORMAT('%.17g', IF(`t`.`v_float64` = 0, 0.0, `t`.`v_float64`))
              ),
              TO_HEX(ST_ASBINARY(`t`.`v_geography`)),
              CAST(`t`.`v_int64` AS STRING),
              CAST(`t`.`v_interval` AS STRING),
              `t`.`__dit_8509899a6d64e15f`,
              CAST(`t`.`v_numeric` AS STRING),
              CAST(`t`.`v_range` AS STRING),
              `t`.`v_string`
            ]
          )
        )
      ),
      17,
      16
    ) AS `h2`,
    `t`.`v_numeric` AS `n0`
  FROM (
    SELECT
      *,
      IF(
        `t`.`doc` IS NULL,
        NULL,
        COALESCE(
          IF(
            ARRAY_LENGTH(REGEXP_EXTRACT_ALL(`t`.`doc`, '"(?:[^"\\\\]|\\\\.)*"')) = ARRAY_LENGTH(
              REGEXP_EXTRACT_ALL(
                TO_JSON_STRING(
                  SAFE.PARSE_JSON(
                    IF(
                      REGEXP_CONTAINS(
                        `t`.`doc`,
                        '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                      ),
                      `t`.`doc`,
                      NULL
                    )
                  )
                ),
                '"(?:[^"\\\\]|\\\\.)*"'
              )
            ),
            IF(
              SAFE.PARSE_JSON(
                IF(
                  REGEXP_CONTAINS(
                    `t`.`doc`,
                    '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                  ),
                  `t`.`doc`,
                  NULL
                )
              ) IS NULL,
              NULL,
              (
                SELECT
                  STRING_AGG(
                    
                      IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                      ''
                    
                    ORDER BY
                      `place` ASC
                  )
                FROM UNNEST(REGEXP_EXTRACT_ALL(
                  TO_JSON_STRING(
                    SAFE.PARSE_JSON(
                      IF(
                        REGEXP_CONTAINS(
                          `t`.`doc`,
                          '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                        ),
                        `t`.`doc`,
                        NULL
                      )
                    )
                  ),
                  '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                )) AS `token` WITH OFFSET AS `place`
              )
            ),
            NULL
          ),
          CONCAT('raw ', `t`.`doc`)
        )
      ) AS `__dit_139d544b821b13eb`,
      TO_JSON_STRING(
        ARRAY(
          SELECT
            IF(
              `__dit_e0` IS NULL,
              NULL,
              TO_JSON_STRING(
                [
                  IF(
                    IS_NAN((
                      `__dit_e0`
                    ).`x`),
                    'NaN',
                    FORMAT('%.17g', IF((
                      `__dit_e0`
                    ).`x` = 0, 0.0, (
                      `__dit_e0`
                    ).`x`))
                  ),
                  IF(
                    (
                      `__dit_e0`
                    ).`doc` IS NULL,
                    NULL,
                    COALESCE(
                      IF(
                        (
                          `__dit_e0`
                        ).`doc` IS NULL,
                        NULL,
                        (
                          SELECT
                            STRING_AGG(
                              
                                IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                ''
                              
                              ORDER BY
                                `place` ASC
                            )
                          FROM UNNEST(REGEXP_EXTRACT_ALL(
                            TO_JSON_STRING((
                              `__dit_e0`
                            ).`doc`),
                            '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                          )) AS `token` WITH OFFSET AS `place`
                        )
                      ),
                      CONCAT('raw ', TO_JSON_STRING((
                        `__dit_e0`
                      ).`doc`))
                    )
                  ),
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        IF(`__dit_e1` IS NULL, NULL, TO_JSON_STRING([CAST((
                            `__dit_e1`
                        ).`n` AS STRING)])) AS `element`
                      FROM UNNEST((
                        `__dit_e0`
                      ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                      ORDER BY
                        `__dit_e1_place` ASC
                    )
                  )
                ]
              )
            ) AS `element`
          FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
          ORDER BY
            `__dit_e0_place` ASC
        )
      ) AS `__dit_454349e422f05297`,
      TO_JSON_STRING(
        ARRAY(
          SELECT
            `__dit_e0` AS `element`
          FROM UNNEST(`t`.`tags`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
          ORDER BY
            `element` ASC
        )
      ) AS `__dit_978c2f8941354cf5`,
      IF(`t`.`v_json` IS NULL, NULL, TO_JSON_STRING(`t`.`v_json`)) AS `__dit_8509899a6d64e15f`
    FROM `project`.`dataset`.`table` AS `t`
  ) AS t
  WHERE
    (
      `t`.`v_bool`
    )
) AS r
GROUP BY
  `r`.`day`
UNION ALL
SELECT
  0 AS `side`,
  'keys' AS `kind`,
  CAST(NULL AS STRING) AS `day`,
  COUNT(*) AS `n`,
  '' AS `sums`,
  '' AS `held`
FROM (
  SELECT
    1 AS `one`
  FROM (
    SELECT
      *,
      IF(
        `t`.`doc` IS NULL,
        NULL,
        COALESCE(
          IF(
            ARRAY_LENGTH(REGEXP_EXTRACT_ALL(`t`.`doc`, '"(?:[^"\\\\]|\\\\.)*"')) = ARRAY_LENGTH(
              REGEXP_EXTRACT_ALL(
                TO_JSON_STRING(
                  SAFE.PARSE_JSON(
                    IF(
                      REGEXP_CONTAINS(
                        `t`.`doc`,
                        '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                      ),
                      `t`.`doc`,
                      NULL
                    )
                  )
                ),
                '"(?:[^"\\\\]|\\\\.)*"'
              )
            ),
            IF(
              SAFE.PARSE_JSON(
                IF(
                  REGEXP_CONTAINS(
                    `t`.`doc`,
                    '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                  ),
                  `t`.`doc`,
                  NULL
                )
              ) IS NULL,
              NULL,
              (
                SELECT
                  STRING_AGG(
                    
                      IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                      ''
                    
                    ORDER BY
                      `place` ASC
                  )
                FROM UNNEST(REGEXP_EXTRACT_ALL(
                  TO_JSON_STRING(
                    SAFE.PARSE_JSON(
                      IF(
                        REGEXP_CONTAINS(
                          `t`.`doc`,
                          '^(?:[ \\t\\n\\r]|[{}\\[\\]:]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null|,[ \\t\\n\\r]*(?:[{\\[]|"(?:[^\\x00-\\x1f"\\\\]|\\\\(?:["\\\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9][0-9]*)(?:\\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|true|false|null))*$'
                        ),
                        `t`.`doc`,
                        NULL
                      )
                    )
                  ),
                  '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                )) AS `token` WITH OFFSET AS `place`
              )
            ),
            NULL
          ),
          CONCAT('raw ', `t`.`doc`)
        )
      ) AS `__dit_139d544b821b13eb`,
      TO_JSON_STRING(
        ARRAY(
          SELECT
            IF(
              `__dit_e0` IS NULL,
              NULL,
              TO_JSON_STRING(
                [
                  IF(
                    IS_NAN((
                      `__dit_e0`
                    ).`x`),
                    'NaN',
                    FORMAT('%.17g', IF((
                      `__dit_e0`
                    ).`x` = 0, 0.0, (
                      `__dit_e0`
                    ).`x`))
                  ),
                  IF(
                    (
                      `__dit_e0`
                    ).`doc` IS NULL,
                    NULL,
                    COALESCE(
                      IF(
                        (
                          `__dit_e0`
                        ).`doc` IS NULL,
                        NULL,
                        (
                          SELECT
                            STRING_AGG(
                              
                                IF(REGEXP_CONTAINS(`token`, '^-?[0-9]'), REGEXP_REPLACE(`token`, '\\.0$', ''), `token`),
                                ''
                              
                              ORDER BY
                                `place` ASC
                            )
                          FROM UNNEST(REGEXP_EXTRACT_ALL(
                            TO_JSON_STRING((
                              `__dit_e0`
                            ).`doc`),
                            '"(?:[^"\\\\]|\\\\.)*"|[-0-9.eE+]+|[^"0-9-]+'
                          )) AS `token` WITH OFFSET AS `place`
                        )
                      ),
                      CONCAT('raw ', TO_JSON_STRING((
                        `__dit_e0`
                      ).`doc`))
                    )
                  ),
                  TO_JSON_STRING(
                    ARRAY(
                      SELECT
                        IF(`__dit_e1` IS NULL, NULL, TO_JSON_STRING([CAST((
                            `__dit_e1`
                        ).`n` AS STRING)])) AS `element`
                      FROM UNNEST((
                        `__dit_e0`
                      ).`legs`) AS `__dit_e1` WITH OFFSET AS `__dit_e1_place`
                      ORDER BY
                        `__dit_e1_place` ASC
                    )
                  )
                ]
              )
            ) AS `element`
          FROM UNNEST(`t`.`r`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
          ORDER BY
            `__dit_e0_place` ASC
        )
      ) AS `__dit_454349e422f05297`,
      TO_JSON_STRING(
        ARRAY(
          SELECT
            `__dit_e0` AS `element`
          FROM UNNEST(`t`.`tags`) AS `__dit_e0` WITH OFFSET AS `__dit_e0_place`
          ORDER BY
            `element` ASC
        )
      ) AS `__dit_978c2f8941354cf5`,
      IF(`t`.`v_json` IS NULL, NULL, TO_JSON_STRING(`t`.`v_json`)) AS `__dit_8509899a6d64e15f`
    FROM `project`.`dataset`.`table` AS `t`
  ) AS t
  WHERE
    (
      `t`.`v_bool`
    )
  GROUP BY
    `t`.`select`
) AS g
